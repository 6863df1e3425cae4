"""Label maps as DICOM Segmentations beside the NIfTI files: the same voxels, and nothing where it cannot be right."""

import sys

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.finetuning.predict import predict
from tests.dicom.conftest import IDENTIFIED, in_order
from tests.dicom.test_segmentation import points_of_segment
from tests.helpers.files import PATIENT, turned, write_dicom
from tests.helpers.labelled import case_arrays
from tests.helpers.saved_models import write_scan

OBLIQUE = turned((20, -10, 15), (0, 2, 1), (1, -1, 1))


def write_series(folder, seed=0, **extra):
    write_dicom(folder, case_arrays(seed)[0], (1.0, 1.2, 1.5), direction=OBLIQUE, modality="MR", **IDENTIFIED | extra)


def points_of_label(path, value):
    image = sitk.ReadImage(str(path))
    indices = np.argwhere(sitk.GetArrayFromImage(image) == value)[:, ::-1].tolist()
    return in_order(np.array([image.TransformIndexToPhysicalPoint(index) for index in indices]))


def test_segmentation_and_label_map_are_the_same_voxels(tmp_path, varied_folder):
    write_series(tmp_path / "scans/knee")
    made = predict(varied_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    assert made.files == {"knee": "knee.nii.gz"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"knee.nii.gz", "knee.seg.dcm", "predictions.json"}
    data = pydicom.dcmread(tmp_path / "out/knee.seg.dcm")
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["bright", "grey"]
    counts = []
    for number, value in ((1, 2), (2, 5)):
        got, wanted = points_of_segment(data, number), points_of_label(tmp_path / "out/knee.nii.gz", value)
        np.testing.assert_allclose(got, wanted, atol=0.03)
        counts.append(len(got))
    assert min(counts) > 20
    assert data.PatientName == PATIENT


def test_the_patient_is_in_no_other_output(tmp_path, segmentation_folder, capsys):
    write_series(tmp_path / "scans/knee")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    assert b"Nobody" in (tmp_path / "out/knee.seg.dcm").read_bytes()
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".dcm":
            assert not any(word in path.read_bytes() for word in (b"Nobody", b"made-up-id", b"1.2.3.4")), path
    captured = capsys.readouterr()
    assert not any(word in captured.out + captured.err for word in ("Nobody", "made-up-id"))


def test_the_command_line_has_the_option(tmp_path, segmentation_folder):
    write_series(tmp_path / "scans/knee")
    words = ["--scans", str(tmp_path / "scans"), "--to", str(tmp_path / "out"), "--to-dicom-seg"]
    assert main(["predict", str(segmentation_folder), *words]) == 0
    assert (tmp_path / "out/knee.seg.dcm").is_file()


def test_it_is_made_for_label_maps_that_are_there_already(tmp_path, segmentation_folder):
    write_series(tmp_path / "scans/knee")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert not (tmp_path / "out/knee.seg.dcm").exists()
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    before = (tmp_path / "out/knee.seg.dcm").read_bytes()
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    assert (tmp_path / "out/knee.seg.dcm").read_bytes() == before


def test_that_of_a_scan_that_has_changed_does_not_stay(tmp_path, segmentation_folder):
    write_series(tmp_path / "scans/knee")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    write_series(tmp_path / "scans/knee", seed=1)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert not (tmp_path / "out/knee.seg.dcm").exists()


def test_other_formats_are_refused_before_any_work(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    with pytest.raises(InputError, match=r"to_dicom_seg: wanted scans that are DICOM series, .* a\.nii\.gz \(NIfTI\)"):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    assert not (tmp_path / "out").exists()


def test_a_series_without_identifiers_is_set_aside_before_it_is_predicted(tmp_path, segmentation_folder):
    write_series(tmp_path / "scans/knee", FrameOfReferenceUID="")
    write_series(tmp_path / "scans/leg", series="1.2.3.5")
    made = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    (failure,) = made.failures
    assert (failure.name, failure.step) == ("knee", "write")
    assert "FrameOfReferenceUID in every slice" in failure.reason
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"leg.nii.gz", "leg.seg.dcm", "predictions.json"}


def test_a_tilted_stack_is_set_aside(tmp_path, segmentation_folder):
    write_series(tmp_path / "scans/leg", series="1.2.3.5")
    write_series(tmp_path / "scans/knee")
    for path in (tmp_path / "scans/knee").iterdir():
        data = pydicom.dcmread(path)
        shift = OBLIQUE[:, 1] * float(np.array(data.ImagePositionPatient, float) @ OBLIQUE[:, 2]) * 0.3
        data.ImagePositionPatient = [f"{part:.8g}" for part in np.array(data.ImagePositionPatient, float) + shift]
        data.save_as(path)
    made = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    (failure,) = made.failures
    assert "sideways (a tilted gantry?)" in failure.reason
    assert not (tmp_path / "out/knee.seg.dcm").exists()


def test_a_classifier_has_no_label_maps_to_write(tmp_path, classifier_folder):
    with pytest.raises(InputError, match="to_dicom_seg: wanted a model that segments, got the classifier"):
        predict(classifier_folder, tmp_path, tmp_path / "out", to_dicom_seg=True)


def test_a_pretraining_run_has_no_labels_to_predict(tmp_path, save_run):
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8])
    with pytest.raises(InputError, match=r"got a pretraining run.*orienteer finetune"):
        predict(run, tmp_path, tmp_path / "out", to_dicom_seg=True)


def test_the_missing_extra_is_named(tmp_path, segmentation_folder, monkeypatch):
    write_series(tmp_path / "scans/knee")
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r'pip install "orienteer\[dicom\]"'):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "out", to_dicom_seg=True)
    assert not (tmp_path / "out").exists()
