"""Each rule finds its fault, names it, and says nothing of a sound scan. Scans are synthetic torsos with a fault planted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from orienteer.phantoms.torso import phantom
from orienteer.scans.source import Scan
from orienteer.screening.collection import Collection, collection_of
from orienteer.screening.declared import Declared
from orienteer.screening.everywhere import said_once, too_few
from orienteer.screening.facts import Refusal, ScanFacts, facts_of
from orienteer.screening.findings import COLLECTION, KINDS, Finding
from orienteer.screening.reading_rules import kind_of
from orienteer.screening.rules import RULES, judge

SHAPE = (48, 40, 64)
ALONE = Collection(1, {}, None)
AMONG_CT = Collection(10, {}, "CT")


@pytest.fixture(scope="module")
def torso() -> Scan:
    made = phantom(3, SHAPE, 7.0)
    return Scan("a", made.voxels.astype(np.float32), made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI")


def kinds(scan: Scan, collection: Collection = AMONG_CT) -> list[str]:
    return [finding.kind for finding in judge(facts_of(scan), collection)]


def test_a_sound_scan_has_no_finding(torso: Scan) -> None:
    assert kinds(torso) == []


def in_order(last: int) -> list[int]:
    return list(range(last))


def swapped(values: np.ndarray) -> np.ndarray:
    return values[:, :, [*in_order(30), 31, 30, *range(32, SHAPE[2])]]


def resampled(values: np.ndarray) -> np.ndarray:
    """Every third slice is kept, and those between are interpolated."""
    kept = values[:, :, ::3]
    places = np.arange(3 * (kept.shape[2] - 1)) / 3
    low = places.astype(int)
    share = (places - low).astype(np.float32)
    return kept[:, :, low] * (1 - share) + kept[:, :, low + 1] * share


def framed(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[3:-3, 3] = changed[3:-3, -4] = 900
    return changed


def emptied(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[:, :, : SHAPE[2] // 2] = -1000
    return changed


def repeated(values: np.ndarray) -> np.ndarray:
    return values[:, :, [*in_order(20), 19, 19, *range(22, SHAPE[2])]]


FAULTS: dict[str, Any] = {
    "hu_offset": lambda values: values + 1024,
    "hu_offset_twice": lambda values: values - 1024,
    "window_baked": lambda values: np.rint(np.clip((values + 160) / 420, 0, 1) * 255),
    "clipped": lambda values: np.minimum(values, 120),
    "burned_in": framed,
    "empty_slices": emptied,
    "slices_repeated": repeated,
    "slices_out_of_order": swapped,
    "noise": lambda values: np.random.default_rng(0).normal(30, 40, values.shape),
    "interpolated": resampled,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found_and_rightly_named(torso: Scan, kind: str) -> None:
    faulty = replace(torso, voxels=np.ascontiguousarray(FAULTS[kind](torso.voxels), dtype=np.float32))
    assert kinds(faulty) == [kind]


def test_an_offset_among_ct_is_an_error_with_its_correction(torso: Scan) -> None:
    shifted = replace(torso, voxels=torso.voxels + 1024, modality="MR")
    (finding,) = judge(facts_of(shifted), AMONG_CT)
    assert finding.level == "error"
    assert finding.correction is not None
    assert finding.correction.value_shift == -1024
    (alone,) = judge(facts_of(shifted), ALONE)
    assert alone.level == "warning"


def test_the_first_of_the_repeated_slices_is_named(torso: Scan) -> None:
    (finding,) = judge(facts_of(replace(torso, voxels=repeated(torso.voxels))), AMONG_CT)
    assert finding.evidence["repeated_slices"] == 2
    assert finding.evidence["first"] == 20
    assert finding.at[2] == pytest.approx(20 / 63)


def facts(name: str, spacing: float = 3.0, body: float = 330.0, **more: Any) -> ScanFacts:
    values: dict[str, Any] = {
        "spacing_mm": (3.0, 3.0, spacing),
        "shape_vox": (110, 110, 110),
        "body_mm": (body, 0.8 * body, body),
        "modality": "CT",
        "guessed_modality": "CT",
    }
    return ScanFacts(name, "NIfTI", **{**values, **more})


def usual() -> list[ScanFacts]:
    sizes = np.random.default_rng(0).normal(1, 0.1, 20)
    return [facts(f"scan {number}", body=330 * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (facts("odd", spacing=6.0), "voxel_size"),
        (facts("odd", body=33.0), "units"),
        (facts("odd", body=330_000.0), "units"),
        (facts("odd", body=900.0), "extent"),
    ],
)
def test_lengths_far_from_the_rest_are_found(odd: ScanFacts, kind: str) -> None:
    scans = [*usual(), odd]
    (finding,) = judge(odd, collection_of(scans))
    assert finding.kind == kind
    assert all(judge(each, collection_of(scans)) == [] for each in scans[:-1])


def test_a_unit_is_corrected_by_its_factor() -> None:
    odd = facts("odd", body=33.0)
    (finding,) = judge(odd, collection_of([*usual(), odd]))
    assert finding.correction is not None
    assert finding.correction.spacing_factor == (10.0, 10.0, 10.0)


def test_a_voxel_size_that_several_scans_share_is_no_fault() -> None:
    scans = [*usual(), *(facts(f"thick {number}", spacing=6.0) for number in range(4))]
    assert [finding for each in scans for finding in judge(each, collection_of(scans))] == []


def test_few_scans_are_not_compared_and_this_is_said() -> None:
    scans = [facts("a"), facts("b", spacing=6.0)]
    assert [finding for each in scans for finding in judge(each, collection_of(scans))] == []
    (note,) = too_few(scans)
    assert note.level == "note"
    assert "2 CT scans" in note.what


def test_headers_that_contradict_positions_or_values() -> None:
    apart = facts("a", declared=Declared(5.0, 5.0, None, 2.5))
    tilted = facts("a", declared=Declared(None, 5.0, 12.0, 5.0))
    assert [finding.kind for finding in judge(apart, ALONE)] == ["spacing_contradiction"]
    assert [finding.kind for finding in judge(tilted, ALONE)] == ["tilt"]
    assert judge(facts("a", declared=Declared(2.5, 5.0, 0.0, 2.5)), ALONE) == []


def test_a_tag_of_another_modality(torso: Scan) -> None:
    seen = replace(facts_of(torso), named_modality="MR", modality="MR")
    assert [finding.kind for finding in judge(seen, ALONE)] == ["modality"]


def test_a_label_map_among_the_images() -> None:
    labels = phantom(3, SHAPE, 7.0).labels.astype(np.float32)
    scan = Scan("a", labels, (7.0, 7.0, 7.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
    assert kinds(scan) == ["label_map"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal("read", "HU, with air at -1000", "values from 24: HU plus an offset of about 1024", ""), "hu_offset"),
        (Refusal("read", "a scan with a longest edge of 1 to 5000 mm", "0.3 x 0.3 x 0.4 mm", ""), "units"),
        (Refusal("read", "slices without holes", "3 missing", ""), "slices_missing"),
        (Refusal("read", "slices straight above each other", "a stack that slides", ""), "tilt"),
        (Refusal("read", "an image", "7 in every voxel", ""), "empty"),
        (Refusal("read", "a whole gzip file", "a broken one", ""), "unreadable"),
    ],
)
def test_what_reading_refuses_is_named(refusal: Refusal, kind: str) -> None:
    assert kind_of(refusal) == kind
    (finding,) = judge(ScanFacts("a", "NIfTI", refusal), ALONE)
    assert (finding.kind, finding.level) == (kind, "error")


def test_what_nearly_all_scans_have_is_said_once_and_errors_are_kept() -> None:
    scans = usual()
    warned = [Finding(each.name, "clipped", "warning", "x") for each in scans[:17]]
    (one,) = said_once(warned, scans)
    assert one.scan == COLLECTION
    assert len(one.others) == 17
    wrong = [Finding(each.name, "modality", "error", "x") for each in scans]
    said = said_once(wrong, scans)
    assert len(said) == len(scans) + 1
    assert said[-1].level == "note"
    few = warned[:5]
    assert said_once(few, scans) == few


def test_a_fault_of_one_scanner_is_said_of_that_scanner() -> None:
    scans = [replace(each, declared=Declared(None, None, None, None, "5f5f5f5f")) for each in usual()[:8]] + usual()[8:]
    (one,) = said_once([Finding(each.name, "interpolated", "warning", "x") for each in scans[:8]], scans)
    assert "scanner 5f5f5f5f" in one.what


def test_every_rule_names_a_kind_that_has_words() -> None:
    assert set(FAULTS) <= set(KINDS)
    assert len(RULES) >= 18
