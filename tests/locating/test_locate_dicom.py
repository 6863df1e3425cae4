"""Places of DICOM series as structured reports: the same points as in the table, in the coordinates of the series."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from orienteer.dicom.source_series import SourceSeries
from orienteer.errors import InputError
from orienteer.files import csv_rows
from orienteer.locating.answers import OUTSIDE, FoundPlace, LocatedScan
from orienteer.locating.locate import locate
from orienteer.locating.writing import write_dicom_report
from tests.dicom.test_report import items
from tests.helpers.files import PATIENT, turned, write_dicom
from tests.locating.conftest import SPACING

SAGITTAL = turned((8, -5, 4), (1, 2, 0), (1, -1, -1))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, scans: Path) -> Path:
    """A template with its labels, and a series in sagittal, slightly oblique slices of the same voxels."""
    folder = tmp_path_factory.mktemp("dicom_case")
    first = sorted(scans.glob("*.nii.gz"))[0]
    sitk.WriteImage(sitk.ReadImage(str(first)), str(folder / "template.nii.gz"))
    sitk.WriteImage(sitk.ReadImage(str(scans / "labels" / first.name)), str(folder / "labels.nii.gz"))
    lps = sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(first)), "LPS")).transpose(2, 1, 0)
    values = lps.transpose(1, 2, 0)[:, ::-1, ::-1]  # columns run back, rows towards the feet, slices to the right
    write_dicom(folder / "scans/knee", values, (SPACING,) * 3, (100.0, -50.0, 200.0), SAGITTAL,
                FrameOfReferenceUID="1.2.3.9")  # fmt: skip
    return folder


def find(case: Path, run: Path, scans: Path, out: Path):
    settings = {"template": [str(case / "template.nii.gz")], "labels": [str(case / "labels.nii.gz")]}
    return locate(run, scans, out, to_dicom_sr=True, workers=0, accelerator="cpu", pictures=False,
                  store=str(case / "store"), **settings)  # fmt: skip


def test_the_report_has_the_points_of_the_table(case, encoder_run, tmp_path):
    found = find(case, encoder_run, case / "scans", tmp_path / "out")
    folder = tmp_path / "out/scans/knee"
    rows = [row for row in csv_rows(folder / "places.csv") if row["verdict"] != OUTSIDE]
    data = pydicom.dcmread(folder / "places.sr.dcm")
    points = np.array([item.GraphicData for item in items(data, "SCOORD3D")])
    assert len(points) == len(rows) >= 5
    table = np.array([[-float(row["right_mm"]), -float(row["front_mm"]), float(row["head_mm"])] for row in rows])
    np.testing.assert_allclose(points, table, atol=1e-3)
    voxels = (points - [100.0, -50.0, 200.0]) @ SAGITTAL / SPACING
    named = np.array([[float(row[f"voxel_{axis}"]) for axis in range(3)] for row in rows])
    np.testing.assert_allclose(voxels, named, atol=1e-3)
    assert data.PatientName == PATIENT
    assert [scan.name for scan in found.scans] == ["knee"]
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and path.suffix != ".dcm":
            assert not any(word in path.read_bytes() for word in (b"Nobody", b"made-up-id")), path


def test_other_formats_are_refused_before_any_work(case, encoder_run, scans, tmp_path):
    with pytest.raises(InputError, match="to_dicom_sr: wanted scans that are DICOM series.*omit --to-dicom-sr"):
        find(case, encoder_run, scans, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_series_without_identifiers_is_set_aside(case, encoder_run, tmp_path):
    shutil.copytree(case / "scans/knee", tmp_path / "scans/knee")
    for path in (tmp_path / "scans/knee").iterdir():
        data = pydicom.dcmread(path)
        del data.FrameOfReferenceUID
        data.save_as(path)
    found = find(case, encoder_run, tmp_path / "scans", tmp_path / "out")
    (failure,) = found.failures
    assert "FrameOfReferenceUID in every slice" in failure.reason
    assert found.scans == ()


def test_places_that_all_lie_outside_give_no_report(tmp_path, capsys):
    outside = FoundPlace("heart", (0.0, 0.0, 0.0), 5.0, OUTSIDE, 0.9, None, 1)
    write_dicom_report(LocatedScan("knee", (outside,), (), (), (), 0.1, tmp_path), SourceSeries((), None), "")
    assert "no places.sr.dcm, since all places lie outside" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
