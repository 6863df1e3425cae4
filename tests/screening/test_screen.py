"""Screening a folder: label maps and damaged files among the scans, data sets with holes, workers, and real scans."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.phantoms.dataset import write_phantom_set
from orienteer.screening.findings import KINDS
from orienteer.screening.screen import screen
from tests.conftest import shared
from tests.helpers.files import write_dicom


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_phantom_set(folder, 4, shape_vox=(32, 32, 40), spacing_mm=9.0, progress=False)
    return folder


def copied(data_set: Path, to: Path) -> Path:
    shutil.copytree(data_set, to)
    return to


def said(folder: Path) -> list[tuple[str, str, str]]:
    findings = screen(folder, workers=0, progress=False).findings
    assert {finding.kind for finding in findings} <= set(KINDS)
    return [(each.level, each.kind, each.scan.rsplit("_", 1)[-1]) for each in findings if each.level != "note"]


def test_a_sound_data_set_has_no_finding(data_set: Path) -> None:
    assert said(data_set) == []


def test_what_a_data_set_lacks_is_found(data_set: Path, tmp_path: Path) -> None:
    folder = copied(data_set, tmp_path / "holes")
    images = folder / "imagesTr"
    (images / "SYNTHETIC_torso_000.nii.gz").unlink()
    (images / "labels" / "SYNTHETIC_torso_001.nii.gz").unlink()
    shutil.copy(images / "SYNTHETIC_torso_002.nii.gz", images / "extra_009.nii.gz")
    missing, unlisted = ("error", "label_missing"), ("warning", "label_missing")
    assert said(folder) == [(*missing, "000.nii.gz"), (*missing, "001.nii.gz"), (*unlisted, "009.nii.gz")]


def test_labels_on_another_grid_are_found(data_set: Path, tmp_path: Path) -> None:
    folder = copied(data_set, tmp_path / "moved")
    file = folder / "imagesTr" / "labels" / "SYNTHETIC_torso_001.nii.gz"
    labels = sitk.ReadImage(str(file))
    labels.SetOrigin([place + 20 for place in labels.GetOrigin()])
    sitk.WriteImage(labels, str(file))
    assert said(folder) == [("error", "label_geometry", "001.nii.gz")]


def test_a_damaged_dataset_json_is_found(data_set: Path, tmp_path: Path) -> None:
    folder = copied(data_set, tmp_path / "damaged")
    (folder / "dataset.json").write_text("{")
    assert said(folder) == [("error", "unreadable", "dataset.json")]


def test_label_maps_and_empty_files_among_the_scans_are_found(data_set: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(data_set / "imagesTr" / "SYNTHETIC_torso_000.nii.gz", folder / "scan_0.nii.gz")
    shutil.copy(data_set / "imagesTr" / "labels" / "SYNTHETIC_torso_000.nii.gz", folder / "scan_1.nii.gz")
    (folder / "scan_2.nii.gz").write_bytes(b"")
    assert said(folder) == [("error", "label_map", "1.nii.gz"), ("error", "unreadable", "2.nii.gz")]


def test_a_series_whose_tags_contradict_its_positions(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(40, 20, (24, 20, 12)).round().astype(np.int16)
    values[:3] = -1000
    write_dicom(tmp_path / "a", values, SpacingBetweenSlices="6")
    kinds = {finding.kind for finding in screen(tmp_path, workers=0, progress=False).findings}
    assert "spacing_contradiction" in kinds


def test_worker_processes_see_the_same(data_set: Path) -> None:
    here, there = (screen(data_set / "imagesTr", workers=workers, progress=False) for workers in (0, 2))
    assert here.facts == there.facts


@pytest.mark.slow
def test_real_scans_in_mixed_formats_have_no_error(real_scans: Path) -> None:
    findings = screen(real_scans, workers=0, progress=False).findings
    assert [finding for finding in findings if finding.level == "error"] == []


@pytest.mark.slow
def test_real_abdominal_ct_that_were_resampled_are_seen_to_be(tmp_path: Path) -> None:
    """Some of these scans were resampled from slices of 5 mm to 3 mm: every 5 / 3 slices, which shows every 2.5."""
    images = shared("abdomen_ct", "abdominal CT") / "imagesTr"
    for name in ("abdomen_01.nii.gz", "abdomen_11.nii.gz"):
        (tmp_path / name).symlink_to(images / name)
    found = [each for each in screen(tmp_path, workers=0, progress=False).findings if each.kind == "interpolated"]
    assert [each.scan for each in found] == ["abdomen_11.nii.gz"]
    assert found[0].evidence["period_slices"] == pytest.approx(2.5, abs=0.1)
