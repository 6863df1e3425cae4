"""Copies are found whatever became of them, different people are not, odd scans stand out, and extents share a frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orienteer.phantoms.torso import phantom
from orienteer.scans.source import Scan
from orienteer.screening.confirm import Likeness
from orienteer.screening.extents import Extent, extents_json, extents_of
from orienteer.screening.facts import facts_of
from orienteer.screening.findings import Correction, Finding
from orienteer.screening.groups import copy_findings, grouped, write_groups
from orienteer.screening.low_resolution import low_resolution, shrunk
from orienteer.screening.nearest import nearest_pairs
from orienteer.screening.outliers import descriptions, how_odd, outlier_findings
from orienteer.screening.pairs import Compared, compare_scans
from orienteer.screening.remembered import remember, remembered_facts
from orienteer.screening.shifts import best_shifts
from orienteer.screening.small_copies import SmallCopies


def torso(seed: int) -> Scan:
    made = phantom(seed, (48, 40, 60), 7.0)
    return Scan(
        f"torso {seed}", made.voxels.astype(np.float32), made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI"
    )


def part(scan: Scan, box: tuple[slice, slice, slice], name: str) -> Scan:
    return replace(scan, name=name, voxels=np.ascontiguousarray(scan.voxels[box]))


CUT = (slice(8, 42), slice(5, 36), slice(12, 52))


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> SmallCopies:
    """Four people; the first also cropped, and noised in 256 grey values."""
    made = SmallCopies(tmp_path_factory.mktemp("small"))
    scans = [torso(seed) for seed in range(4)]
    cropped = part(scans[0], CUT, "cropped")
    noise = np.random.default_rng(0).normal(0, 40, scans[0].voxels.shape)
    grey = np.rint(np.clip((scans[0].voxels + noise + 300) / 700, 0, 1) * 255).astype(np.float32)
    for scan in (*scans, cropped, replace(scans[0], name="noised", voxels=grey, modality="MR")):
        made.add(scan.name, low_resolution(scan))
    return made


@pytest.fixture(scope="module")
def compared(copies: SmallCopies) -> Compared:
    return compare_scans(copies, workers=0, progress=False)


def test_copies_are_found_and_different_people_are_not(compared: Compared) -> None:
    assert grouped(list(compared.alike())) == [("cropped", "noised", "torso 0")]
    assert len(compared.shifts) == 15


def test_the_shift_of_a_crop_is_where_it_was_cut(copies: SmallCopies, compared: Compared) -> None:
    extents = extents_of(copies, compared.shifts)
    begin = np.subtract(extents["cropped"].begin_mm, extents["torso 0"].begin_mm)
    assert extents["cropped"].frame == extents["torso 0"].frame
    assert np.abs(begin - np.array([8, 5, 12]) * 7.0).max() < 12


def test_every_shift_is_tried_as_by_a_naive_loop(copies: SmallCopies) -> None:
    from orienteer.screening.detail import at_step, detail

    places = [copies.path("torso 0"), copies.path("cropped")]
    shift = best_shifts(places)[0, 1]
    first, second = (detail(at_step(place, 16.0)) for place in places)
    best = -1.0
    for offset in np.ndindex(*(a + b - 1 for a, b in zip(first.shape, second.shape, strict=True))):
        move = np.array(offset) - np.array(first.shape) + 1
        low = np.maximum(0, -move)
        high = np.minimum(first.shape, np.array(second.shape) - move)
        if np.prod(high - low) >= 0.5 * min(first.size, second.size):
            one = first[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
            other = second[tuple(slice(a, b) for a, b in zip(low + move, high + move, strict=True))]
            best = max(best, float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())))
    assert shift.agreement == pytest.approx(best, abs=1e-4)


def test_a_large_collection_compares_each_scan_with_its_likely_neighbours(copies: SmallCopies) -> None:
    names = list(copies.names)
    pairs = {frozenset((names[i], names[j])) for i, j in nearest_pairs([copies.path(name) for name in names], 2)}
    assert frozenset(("noised", "torso 0")) in pairs
    assert len(pairs) < 15


def test_small_copies_keep_their_place_and_values() -> None:
    scan = torso(1)
    small = low_resolution(scan)
    assert small.step_mm == 4.0
    assert np.abs(np.array(small.voxels.shape) * 4.0 - np.array(scan.voxels.shape) * 7.0).max() <= 4.0
    blocks = shrunk(scan, 14.0)
    assert blocks.spacing_mm == (14.0, 14.0, 14.0)
    assert blocks.voxels[2, 3, 4] == pytest.approx(scan.voxels[4:6, 6:8, 8:10].mean(), rel=1e-4)
    assert np.allclose(blocks.position_mm(np.zeros(3)), scan.position_mm(np.full(3, 0.5)))


def test_turned_scans_are_people_and_others_are_images() -> None:
    copy, person = Likeness(0.98, 0.9, 3.0, 0.01), Likeness(0.97, 0.9, 9.0, 3.0)
    findings = copy_findings({("a", "b"): copy, ("a", "c"): person})
    assert [(each.kind, each.others) for each in findings] == [("duplicate", ("b",)), ("same_person", ("c",))]
    known = copy_findings({("a", "b"): copy, ("a", "c"): person}, {"a": "P1", "b": "P1", "c": "P1"})
    assert [each.kind for each in known] == ["duplicate"]  # that P1 was scanned twice is known


def test_groups_are_written_only_where_there_are_some(tmp_path: Path) -> None:
    write_groups(tmp_path, [("a", "b"), ("c", "d")])
    assert (tmp_path / "groups.csv").read_text() == "scan,patient\na,group 1\nb,group 1\nc,group 2\nd,group 2\n"
    write_groups(tmp_path, [])
    assert not (tmp_path / "groups.csv").exists()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_three_odd_scans_of_a_kind_are_found(count: int) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(30, 12)).astype(np.float32)
    vectors[:count] += 40
    names = [f"scan {number}" for number in range(30)]
    assert [each.scan for each in outlier_findings(names, vectors)] == names[:count]
    assert outlier_findings(names[:6], vectors[:6]) == []
    oddness, nearest = how_odd(vectors)
    assert oddness[count:].max() < 3
    assert all(number not in each for number, each in enumerate(nearest))


def test_descriptions_have_one_row_for_each_scan(copies: SmallCopies) -> None:
    names, vectors = descriptions(copies)
    assert names == list(copies.names)
    assert vectors.shape == (6, 6**3 + 8 + 3)
    assert np.isfinite(vectors).all()


def test_extents_say_what_is_reversed_and_what_cannot_be_trusted() -> None:
    extents = {name: Extent(1, (0.0, 0.0, -100.0), (300.0, 200.0, 100.0), 4) for name in "abc"}
    turned = Finding("b", "orientation", "error", "", correction=Correction(signs=(1, 1, -1)))
    wrong = Finding("c", "voxel_size", "warning", "")
    scans = extents_json(extents, [turned, wrong])["scans"]
    assert [scans[name]["reverse z-ordering"] for name in "abc"] == [0, 1, 0]
    assert [scans[name]["valid z-spacing"] for name in "abc"] == [1, 1, 0]
    assert (scans["a"]["begin"], scans["a"]["end"]) == (-100.0, 100.0)


def test_facts_are_remembered_as_they_were(tmp_path: Path) -> None:
    facts = facts_of(torso(2))
    remember(tmp_path, {"key": facts})
    assert remembered_facts(tmp_path) == {"key": facts}
    (tmp_path / "facts.json").write_text("{")
    assert remembered_facts(tmp_path) == {}
