"""Predictions lie where their scans lie, bit for bit, whatever the format; bad scans and full disks harm nothing else."""

import errno
import gzip
import json
import os

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.finetuning.predict import predict
from orienteer.runs.folder import locked
from tests.helpers.files import turned, write_dicom
from tests.helpers.labelled import case_arrays
from tests.helpers.saved_models import itk_geometry, write_scan

UNEVEN = {
    "spacing": (0.9, 1.1, 1.3),
    "origin": (12.3, -45.6, 78.9),
    "direction": turned((0, 0, 0), (2, 0, 1), (-1, 1, -1)),
}
OBLIQUE = {"spacing": (0.9, 1.1, 1.3), "origin": (12.3, -45.6, 78.9), "direction": turned((20, -10, 15))}


@pytest.mark.parametrize("geometry", [{}, UNEVEN, OBLIQUE], ids=["plain", "turned", "oblique"])
@pytest.mark.parametrize("end", [".nii.gz", ".nii"])
def test_nifti_keeps_every_bit_of_its_geometry(tmp_path, segmentation_folder, geometry, end):
    write_scan(tmp_path / "scans", f"deep/a{end}", **geometry)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    scan, written = tmp_path / f"scans/deep/a{end}", tmp_path / "out/deep/a.nii.gz"
    assert itk_geometry(written) == itk_geometry(scan)
    old, new = nibabel.load(scan), nibabel.load(written)
    for field in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d",
                  "qoffset_x", "qoffset_y", "qoffset_z"):  # fmt: skip
        assert np.array_equal(old.header[field], new.header[field]), field
    assert np.array_equal(old.header["pixdim"][:4], new.header["pixdim"][:4])
    assert np.array_equal(old.affine, new.affine)


def test_values_are_the_data_sets_own(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    written = sitk.ReadImage(str(tmp_path / "out/a.nii.gz"))
    assert written.GetPixelIDValue() == sitk.sitkUInt8
    assert set(np.unique(sitk.GetArrayViewFromImage(written))) <= {0, 2, 5}


@pytest.mark.parametrize("end", [".nrrd", ".mha"])
def test_other_formats_keep_their_geometry_as_far_as_nifti_can_hold_it(tmp_path, segmentation_folder, end):
    write_scan(tmp_path / "scans", f"a{end}", **OBLIQUE)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    old, new = itk_geometry(tmp_path / f"scans/a{end}"), itk_geometry(tmp_path / "out/a.nii.gz")
    assert new[0] == old[0]
    for wanted, got in zip(old[1:], new[1:], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_a_dicom_series_gets_the_geometry_of_its_slices(tmp_path, segmentation_folder):
    write_dicom(tmp_path / "scans/knee", case_arrays(0)[0], modality="MR")
    result = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    (written,) = (tmp_path / "out").rglob("*.nii.gz")
    assert list(result.files) == ["knee"]
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "scans/knee")))
    series, labels = reader.Execute(), sitk.ReadImage(str(written))
    assert labels.GetSize() == series.GetSize()
    for index in ((0, 0, 0), tuple(edge - 1 for edge in series.GetSize())):
        placed = [image.TransformIndexToPhysicalPoint(index) for image in (labels, series)]
        np.testing.assert_allclose(*placed, atol=1e-3)


def test_nothing_but_geometry_is_copied_from_a_header(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii")
    path = tmp_path / "scans/a.nii"
    raw = bytearray(path.read_bytes())
    raw[148:163] = b"Nobody^Invented"  # descrip
    raw[228:243] = b"Nobody^Invented"  # aux_file
    path.write_bytes(bytes(raw))
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert b"Invented" not in gzip.decompress((tmp_path / "out/a.nii.gz").read_bytes())


def test_bad_scans_are_named_and_counted_and_the_others_are_predicted(tmp_path, segmentation_folder, capsys):
    write_scan(tmp_path / "scans", "good.nii.gz")
    whole = (tmp_path / "scans/good.nii.gz").read_bytes()
    (tmp_path / "scans/cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "scans/empty.nii.gz").touch()
    result = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert result.files == {"good.nii.gz": "good.nii.gz"}
    assert {failure.name for failure in result.failures} == {"cut.nii.gz", "empty.nii.gz"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.nii.gz", "predictions.json"]
    assert "1 label maps in" in capsys.readouterr().err


def test_the_same_command_again_goes_on_where_it_was_stopped(tmp_path, segmentation_folder):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_scan(tmp_path / "scans", name)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    (tmp_path / "out/b.nii.gz").unlink()
    before = (tmp_path / "out/a.nii.gz").stat().st_mtime_ns
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert (tmp_path / "out/b.nii.gz").is_file()
    assert (tmp_path / "out/a.nii.gz").stat().st_mtime_ns == before


def test_another_scan_of_the_same_name_is_predicted_again(tmp_path, segmentation_folder):
    for seed, name in enumerate(("a.nii", "b.nii")):
        write_scan(tmp_path / "scans", name, seed=seed)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    first = (tmp_path / "out/a.nii.gz").read_bytes(), (tmp_path / "out/b.nii.gz").read_bytes()
    status = (tmp_path / "scans/a.nii").stat()
    (tmp_path / "scans/a.nii").write_bytes((tmp_path / "scans/b.nii").read_bytes())
    os.utime(tmp_path / "scans/a.nii", ns=(status.st_atime_ns, status.st_mtime_ns))
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert first[0] != first[1] == (tmp_path / "out/a.nii.gz").read_bytes()


def test_a_record_of_an_older_version_is_not_trusted(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    del record["contents"]
    (tmp_path / "out/predictions.json").write_text(json.dumps(record))
    (tmp_path / "out/a.nii.gz").write_bytes(b"of another scan")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert (tmp_path / "out/a.nii.gz").read_bytes() != b"of another scan"


def test_other_peoples_folders_and_other_models_predictions_are_left_alone(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "full")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/predictions.json").write_text(json.dumps({"model": "another", "files": {}}))
    with pytest.raises(InputError, match="predictions of another model"):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "other")
    for cut, words in (
        ('{"model": ', "expecting value, line 1"),
        ("[]", "wanted a table"),
        ('{"model": "x", "files": [1]}', r"files in .*predictions\.json: wanted a table of texts"),
    ):
        (tmp_path / "other/predictions.json").write_text(cut)
        with pytest.raises(InputError, match=f"{words}.*choose another --to"):
            predict(segmentation_folder, tmp_path / "scans", tmp_path / "other")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, segmentation_folder, monkeypatch):
    write_scan(tmp_path / "scans", "a.nii.gz")

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="room for a prediction, got No space left on device"):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert predict(segmentation_folder, tmp_path / "scans", tmp_path / "out").files == {"a.nii.gz": "a.nii.gz"}


def test_killed_before_its_first_label_map_the_same_command_goes_on(tmp_path, segmentation_folder, monkeypatch):
    write_scan(tmp_path / "scans", "a.nii.gz")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("orienteer.finetuning.segmentation.predict_work.segment", killed)
    with pytest.raises(KeyboardInterrupt):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    monkeypatch.undo()
    assert predict(segmentation_folder, tmp_path / "scans", tmp_path / "out").files == {"a.nii.gz": "a.nii.gz"}


def test_what_a_killed_process_left_is_not_taken_for_other_files(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.predictions.json.77-1-0.part").write_text("{")
    (tmp_path / "out/.lock").touch()
    assert predict(segmentation_folder, tmp_path / "scans", tmp_path / "out").files == {"a.nii.gz": "a.nii.gz"}


def test_a_scan_that_changed_under_its_name_is_predicted_again_whatever_its_size_and_time(
    tmp_path, segmentation_folder
):
    for name in ("a.nii", "b.nii"):
        write_scan(tmp_path / "scans", name)
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in ("a.nii.gz", "b.nii.gz")}
    written = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before}
    status = (tmp_path / "scans/a.nii").stat()
    write_scan(tmp_path / "scans", "a.nii", seed=5)
    os.utime(tmp_path / "scans/a.nii", ns=(status.st_atime_ns, status.st_mtime_ns))
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert (tmp_path / "out/a.nii.gz").read_bytes() != before["a.nii.gz"]
    assert (tmp_path / "out/b.nii.gz").stat().st_mtime_ns == written["b.nii.gz"]


def test_the_label_map_of_a_scan_that_can_no_longer_be_used_does_not_stay(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    write_scan(tmp_path / "scans", "b.nii.gz")
    predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    (tmp_path / "scans/a.nii.gz").write_bytes((tmp_path / "scans/a.nii.gz").read_bytes()[:500])
    made = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert list(made.files) == ["b.nii.gz"]
    assert not (tmp_path / "out/a.nii.gz").exists()


def test_a_folder_that_another_prediction_uses_is_refused(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz")
    with locked(tmp_path / "out"), pytest.raises(InputError, match="a folder that no other command uses"):
        predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")


def test_a_plain_nifti_under_the_name_of_a_compressed_one_is_predicted_where_it_lies(tmp_path, segmentation_folder):
    write_scan(tmp_path / "scans", "a.nii.gz", **UNEVEN)
    scan = tmp_path / "scans/a.nii.gz"
    scan.write_bytes(gzip.decompress(scan.read_bytes()))
    made = predict(segmentation_folder, tmp_path / "scans", tmp_path / "out")
    assert made.failures == ()
    (tmp_path / "plain.nii").write_bytes(scan.read_bytes())
    assert itk_geometry(tmp_path / "out/a.nii.gz") == itk_geometry(tmp_path / "plain.nii")
