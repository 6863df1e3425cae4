"""The command: what it writes, what it corrects, when it fails, and what it says of odd collections."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.auditing.audit import Audit, audit
from orienteer.cli import main
from orienteer.errors import FindingsRemain, InputError
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from tests.helpers.html import Page
from tests.helpers.small_run import SMALL

SHAPE = (40, 32, 48)


def rewritten(path: Path, values: Any = None, **changes: Any) -> None:
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image)
    changed = sitk.GetImageFromArray(array if values is None else values(array))
    changed.CopyInformation(image)
    if "spacing" in changes:
        changed.SetSpacing([step * factor for step, factor in zip(image.GetSpacing(), changes["spacing"], strict=True)])
    sitk.WriteImage(changed, str(changes.get("to", path)))


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten synthetic scans: one with the offset in, one whose lengths are in cm, one in two formats, one cut short."""
    folder = tmp_path_factory.mktemp("spoiled")
    paths = write_phantoms(folder, 10, shape_vox=SHAPE, spacing_mm=8.0, labels=False, progress=False)
    rewritten(paths[1], lambda values: values + np.int16(1024))
    rewritten(paths[2], spacing=(0.1, 0.1, 0.1))
    rewritten(paths[3], to=folder / "copy.mha")
    paths[4].write_bytes(paths[4].read_bytes()[:-2000])
    return folder


@pytest.fixture(scope="module")
def made(spoiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    out = tmp_path_factory.mktemp("audits") / "all"
    return audit(spoiled, out, anatomy=False, workers=0, write_fixed=out.parent / "fixed")


def test_each_fault_is_found_and_named(made: Audit) -> None:
    bad = {(each.scan, each.kind) for each in made.findings if each.level == "error"}
    names = {number: f"SYNTHETIC_torso_00{number}.nii.gz" for number in (1, 2, 4)}
    assert bad == {(names[1], "hu_offset"), (names[2], "units"), (names[4], "unreadable")}
    assert {each.kind for each in made.findings if each.level == "warning"} == {"duplicate"}


def test_the_tables_have_one_row_for_each_finding(made: Audit) -> None:
    with open(made.folder / "audit.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    content = json.loads((made.folder / "audit.json").read_text())
    assert len(rows) == len(content["findings"]) == len(made.findings)
    assert [row["scan"] for row in rows] == [each.scan for each in made.findings]
    assert content["counts"] == made.counts
    assert content["scans"] == 11
    (units,) = [row for row in content["findings"] if row["kind"] == "units"]
    affine = np.array(units["correction"]["affine_ras_mm"])
    assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), 8.0, rtol=1e-3)


def test_groups_are_written_for_group_by(made: Audit, spoiled: Path, tmp_path: Path) -> None:
    groups = made.folder / "groups.csv"
    assert groups.read_text().splitlines()[0] == "scan,patient"
    assert {line.split(",")[0] for line in groups.read_text().splitlines()[1:]} == {
        "SYNTHETIC_torso_003.nii.gz",
        "copy.mha",
    }


def test_extents_are_in_mm_of_one_frame(made: Audit) -> None:
    content = json.loads((made.folder / "extents.json").read_text())
    scan = content["scans"]["SYNTHETIC_torso_000.nii.gz"]
    assert np.subtract(scan["end_mm"], scan["begin_mm"]).tolist() == pytest.approx([320, 256, 384], abs=1)
    twin, copy = content["scans"]["SYNTHETIC_torso_003.nii.gz"], content["scans"]["copy.mha"]
    assert twin["frame"] == copy["frame"]
    assert twin["begin_mm"] == pytest.approx(copy["begin_mm"], abs=1)
    assert scan["valid z-spacing"] == 1


def test_the_page_shows_every_finding_and_loads_nothing(made: Audit) -> None:
    html = (made.folder / "audit.html").read_text()
    page = Page(html)
    assert all(each.scan in page.text for each in made.findings)
    assert page.text.index("offset still in the values") < page.text.rindex("the same image twice")
    assert all(str(image["src"]).startswith("data:") for image in page.every("img"))
    assert all(image["alt"] for image in page.every("img"))
    assert not any("src" in attributes for attributes in page.every("script"))
    links = {str(link["href"])[1:] for link in page.every("a") if str(link.get("href")).startswith("#")}
    anchors = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    assert links <= anchors


def test_corrected_copies_are_new_files_and_right(made: Audit, spoiled: Path) -> None:
    fixed = made.folder.parent / "fixed"
    assert sorted(path.name for path in fixed.iterdir()) == ["SYNTHETIC_torso_001.nii.gz", "SYNTHETIC_torso_002.nii.gz"]
    before, after = (sitk.ReadImage(str(folder / "SYNTHETIC_torso_001.nii.gz")) for folder in (spoiled, fixed))
    assert sitk.GetArrayFromImage(before).min() == sitk.GetArrayFromImage(after).min() + 1024
    assert np.allclose(sitk.ReadImage(str(fixed / "SYNTHETIC_torso_002.nii.gz")).GetSpacing(), 8.0, rtol=1e-3)
    again = audit(fixed, made.folder.parent / "again", rules_only=True, workers=0, pictures=False)
    assert again.counts["error"] == 0


def test_a_corrected_copy_shows_the_same_places(made: Audit, spoiled: Path) -> None:
    """Values aside, the copy of the scan with an offset lies where its original lies."""
    fixed = made.folder.parent / "fixed" / "SYNTHETIC_torso_001.nii.gz"
    before, after = sitk.ReadImage(str(spoiled / fixed.name)), sitk.ReadImage(str(fixed))
    point = before.TransformContinuousIndexToPhysicalPoint((12.0, 9.0, 20.0))
    voxels = [int(image[image.TransformPhysicalPointToIndex(point)]) for image in (before, after)]
    assert voxels[0] - 1024 == voxels[1]


def test_it_fails_where_scripts_want_it_to(spoiled: Path, tmp_path: Path) -> None:
    with pytest.raises(FindingsRemain, match=r"3 findings of the level error \(--fail-on error\)"):
        audit(spoiled, tmp_path / "out", rules_only=True, workers=0, pictures=False, fail_on="error")
    assert (tmp_path / "out" / "audit.csv").is_file()
    words = [
        "audit",
        str(spoiled),
        "--out",
        str(tmp_path / "out"),
        "--rules-only",
        "--workers",
        "0",
        "--pictures",
        "false",
    ]
    assert main([*words, "--fail-on", "error"]) == 3
    assert main(words) == 0


def test_pretraining_leaves_out_what_an_audit_found(made: Audit, spoiled: Path, tmp_path: Path, capfd: Any) -> None:
    settings = {**SMALL, "steps": 1, "validate_every": 1, "skip_audited": str(made.folder / "audit.csv")}
    run = pretrain(spoiled, tmp_path / "run", group_by=str(made.folder / "groups.csv"), **settings)
    split = json.loads((run.folder / "split.json").read_text())
    used = {row["name"] for rows in split.values() for row in rows}
    assert used.isdisjoint({f"SYNTHETIC_torso_00{number}.nii.gz" for number in (1, 2, 4)})
    said = capfd.readouterr().err
    assert "left out 1 file: an error in audit.csv: hu_offset" in said
    assert "audit: the rules find nothing wrong with" in said


def test_pretraining_says_in_one_line_what_the_rules_find(spoiled: Path, tmp_path: Path, capfd: Any) -> None:
    settings = {**SMALL, "steps": 1, "validate_every": 1, "exclude": ["*_002*"], "store": str(tmp_path / "store")}
    pretrain(spoiled, tmp_path / "run", **settings)
    first = [line for line in capfd.readouterr().err.splitlines() if line.startswith("audit:")]
    assert len(first) == 1
    assert "1 errors" in first[0]
    assert "and 1 cannot be used" in first[0]
    assert (tmp_path / "store" / "facts.json").is_file()
    pretrain(spoiled, tmp_path / "again", **settings)
    second = [line for line in capfd.readouterr().err.splitlines() if line.startswith("audit:")]
    assert second == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scans": None}, "wanted a folder of scans"),
        ({"out": None}, "wanted a folder for the page"),
        ({"steps": 0}, "at least 1"),
        ({"scans": "EMPTY"}, "an empty folder"),
        ({"out": "FULL"}, "which holds something else"),
        ({"write_fixed": "FULL"}, "which holds something"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    arguments: dict[str, Any], message: str, spoiled: Path, tmp_path: Path
) -> None:
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "notes.txt").write_text("mine")
    given = {"scans": spoiled, "out": tmp_path / "out", "rules_only": True, "workers": 0, **arguments}
    given = {key: tmp_path / value if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(InputError, match=message):
        audit(**given)
    assert not (tmp_path / "out").exists()


def test_one_scan_gets_the_rules_about_single_scans_and_this_is_said(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "one", 1, shape_vox=SHAPE, spacing_mm=8.0, labels=False, progress=False)
    made = audit(tmp_path / "one", tmp_path / "out", workers=0, pictures=False)
    assert [each.kind for each in made.findings] == ["not_comparable"]
    assert "fewer than two scans" in Page((made.folder / "audit.html").read_text()).text


def test_scans_that_are_all_wrong_alike_are_said_to_be_so_once(tmp_path: Path) -> None:
    for path in write_phantoms(tmp_path / "all", 8, shape_vox=SHAPE, spacing_mm=8.0, labels=False, progress=False):
        rewritten(path, lambda values: np.minimum(values, np.int16(100)))
    made = audit(tmp_path / "all", tmp_path / "out", rules_only=True, workers=0, pictures=False)
    (one,) = [each for each in made.findings if each.level != "note"]
    assert (one.kind, one.scan, len(one.others)) == ("clipped", "(the whole collection)", 8)
    assert "cannot be told to be wrong by comparing them" in one.do
