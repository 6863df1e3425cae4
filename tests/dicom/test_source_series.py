"""The series that results refer to: its order, and what is refused with what to do."""

import sys

import numpy as np
import pydicom
import pytest

from orienteer.dicom.source_series import MAY_BE_EMPTY, check_dicom_output, read_series
from orienteer.errors import InputError, ScanError
from orienteer.scans.source import ScanSource
from tests.dicom.conftest import ORIENTATIONS, write_series
from tests.helpers.files import only_scan


def change(folder, at=0, **values):
    """Sets tags of one slice, or of all with `at=None`; None removes a tag."""
    for path in sorted(folder.iterdir())[slice(None) if at is None else slice(at, at + 1)]:
        data = pydicom.dcmread(path)
        for tag, value in values.items():
            if value is None:
                del data[tag]
            else:
                setattr(data, tag, value)
        data.save_as(path)


def test_headers_are_in_the_order_of_the_slices_whatever_the_files_are_called(tmp_path, orientation):
    write_series(tmp_path / "s", orientation)
    series = read_series(only_scan(tmp_path / "s"))
    heights = [np.array(header.ImagePositionPatient, float) @ orientation[:, 2] for header in series.headers]
    assert np.all(np.diff(heights) > 0)
    assert series.slices is None


def test_slices_of_an_enhanced_file_are_put_into_the_order_of_its_frames(tmp_path):
    write_series(tmp_path / "s", ORIENTATIONS["oblique"], enhanced=True)
    series = read_series(only_scan(tmp_path / "s"))
    (header,) = series.headers
    normal = ORIENTATIONS["oblique"][:, 2]
    heights = np.array([
        np.array(item.PlanePositionSequence[0].ImagePositionPatient, float) @ normal
        for item in header.PerFrameFunctionalGroupsSequence
    ])  # fmt: skip
    np.testing.assert_array_equal(series.in_file_order(np.sort(heights)), heights)


def test_no_pixels_are_kept(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    assert not any("PixelData" in header for header in read_series(only_scan(tmp_path / "s")).headers)


def test_what_an_anonymous_series_lacks_stays_empty(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    change(tmp_path / "s", None, PatientName=None, PatientID=None)
    header = read_series(only_scan(tmp_path / "s")).headers[0]
    assert all(tag in header and not header[tag].value for tag in MAY_BE_EMPTY)


def test_a_slice_thickness_that_is_missing_or_empty_is_the_distance_of_the_slices(tmp_path):
    write_series(tmp_path / "s", ORIENTATIONS["oblique"])
    change(tmp_path / "s", None, SliceThickness="")
    folder = tmp_path / "s"
    first = pydicom.dcmread(sorted(folder.iterdir())[0])
    first.pop("SliceThickness", None)
    first.save_as(sorted(folder.iterdir())[0])
    series = read_series(only_scan(folder))
    assert [float(header.SliceThickness) for header in series.headers] == pytest.approx([2.5] * len(series.headers))


@pytest.mark.parametrize("tag", ["StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"])
def test_a_missing_identifier_is_named(tmp_path, tag):
    write_series(tmp_path / "s", np.eye(3))
    change(tmp_path / "s", None, **{tag: None})
    words = rf"wanted {tag} in every slice, .* got none in 5 of 5 files.*export the series"
    with pytest.raises(ScanError, match=words):
        read_series(only_scan(tmp_path / "s"))


def test_all_missing_identifiers_are_named_at_once(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    change(tmp_path / "s", 1, StudyInstanceUID="", FrameOfReferenceUID="")
    change(tmp_path / "s", 0, FrameOfReferenceUID="")
    source = ScanSource("s", "DICOM", tuple((tmp_path / "s").iterdir()))
    with pytest.raises(ScanError, match="one study"):  # the reader compares slices first
        read_series(source)
    change(tmp_path / "s", None, StudyInstanceUID="", FrameOfReferenceUID="")
    with pytest.raises(ScanError, match="wanted StudyInstanceUID, FrameOfReferenceUID in every slice.* 5 of 5 files"):
        read_series(source)


def test_slices_of_two_series_are_refused(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    change(tmp_path / "s", 0, SeriesInstanceUID="1.2.3.5")
    with pytest.raises(ScanError, match="wanted one SeriesInstanceUID in all slices, got 2 of them"):
        read_series(ScanSource("s", "DICOM", tuple((tmp_path / "s").iterdir())))


def test_slices_that_share_an_identifier_are_refused(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    change(tmp_path / "s", None, SOPInstanceUID="1.2.3.4.1")
    with pytest.raises(ScanError, match="another SOPInstanceUID in each slice, got one that several"):
        read_series(only_scan(tmp_path / "s"))


def test_a_series_of_two_studies_is_refused(tmp_path):
    write_series(tmp_path / "s", np.eye(3))
    source = only_scan(tmp_path / "s")
    change(tmp_path / "s", 2, StudyInstanceUID="9.9")
    with pytest.raises(ScanError, match="wanted slices of one study"):
        read_series(source)


def test_an_enhanced_scan_in_two_files_is_refused(tmp_path):
    write_series(tmp_path / "s", np.eye(3), enhanced=True, ConcatenationUID="1.2.8")
    whole = pydicom.dcmread(tmp_path / "s/all.dcm")
    frames, groups = whole.pixel_array, list(whole.PerFrameFunctionalGroupsSequence)
    for name, cut in (("all.dcm", slice(0, 3)), ("more.dcm", slice(3, None))):
        whole.PerFrameFunctionalGroupsSequence = groups[cut]
        whole.NumberOfFrames, whole.PixelData = len(groups[cut]), frames[cut].tobytes()
        whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = f"1.2.7.{len(name)}"
        whole.save_as(tmp_path / "s" / name)
    with pytest.raises(ScanError, match="got an enhanced one in 2 files"):
        read_series(only_scan(tmp_path / "s"))


def test_scans_of_other_formats_are_refused_before_any_work(tmp_path):
    sources = [ScanSource("s", "DICOM", ()), ScanSource("a.nii.gz", "NIfTI", ())]
    words = (
        r"to_dicom_seg: wanted scans that are DICOM series, got 1 of 2 in other formats, the first a\.nii\.gz \(NIfTI\)"
    )
    with pytest.raises(InputError, match=words + ".*omit --to-dicom-seg"):
        check_dicom_output("to_dicom_seg", sources)


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(
        InputError, match=r'to_dicom_sr: wanted the package highdicom.*pip install "orienteer\[dicom\]"'
    ):
        check_dicom_output("to_dicom_sr", [ScanSource("s", "DICOM", ())])
