"""Label maps as DICOM Segmentations lie on the voxels of their series, in every orientation, for two readers."""

import errno
import os

import highdicom
import numpy as np
import pydicom
import pytest

from orienteer.dicom.segmentation import write_segmentation
from orienteer.dicom.source_series import read_series
from orienteer.errors import InputError
from tests.dicom.conftest import ORIENTATIONS, asymmetric_labels, in_order, points_mm, write_series
from tests.helpers.files import PATIENT, only_scan

CLASSES = {0: "background", 2: "liver", 5: "kidney_left"}
SHA = "0123456789abcdef" * 4


def written(tmp_path, direction, enhanced=False, labels=None, **extra):
    write_series(tmp_path / "s", direction, enhanced, **extra)
    labels = asymmetric_labels() if labels is None else labels
    write_segmentation(tmp_path / "a.seg.dcm", labels, CLASSES, read_series(only_scan(tmp_path / "s")), SHA)
    return pydicom.dcmread(tmp_path / "a.seg.dcm")


def points_of_segment(data: pydicom.Dataset, number: int) -> np.ndarray:
    """Places of the voxels of a segment, from the elements of the standard alone."""
    shared = data.SharedFunctionalGroupsSequence[0]
    row_mm, column_mm = shared.PixelMeasuresSequence[0].PixelSpacing
    turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    points = []
    for frame, groups in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            corner = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
            for row, column in np.argwhere(frame):
                points.append(corner + turn[:3] * column * column_mm + turn[3:] * row * row_mm)
    return in_order(np.array(points))


@pytest.mark.parametrize("enhanced", [False, True], ids=["a file a slice", "enhanced"])
def test_every_voxel_lies_where_the_label_map_has_it(tmp_path, orientation, enhanced):
    data = written(tmp_path, orientation, enhanced)
    for number in (1, 2):
        wanted = points_mm(asymmetric_labels() == number, orientation)
        np.testing.assert_allclose(points_of_segment(data, number), wanted, atol=0.011)


def test_slices_that_were_taken_downwards_are_counted_upwards(tmp_path):
    downwards = np.diag([1.0, 1.0, -1.0])
    data = written(tmp_path, downwards)  # the scan's first slice is the one that was written last
    for number in (1, 2):
        wanted = points_mm(asymmetric_labels()[::-1] == number, downwards)
        np.testing.assert_allclose(points_of_segment(data, number), wanted, atol=0.011)


def test_highdicom_lays_it_over_the_series(tmp_path, orientation):
    written(tmp_path, orientation)
    segmentation = highdicom.seg.segread(tmp_path / "a.seg.dcm")
    uids = {header.SOPInstanceUID: number for number, header in
            enumerate(read_series(only_scan(tmp_path / "s")).headers)}  # fmt: skip
    order = sorted(uids, key=uids.__getitem__)
    laid = segmentation.get_pixels_by_source_instance(
        order, combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(laid, asymmetric_labels())
    volume = segmentation.get_volume(combine_segments=True, allow_missing_positions=True)
    for number in (1, 2):
        places = volume.map_indices_to_reference(np.argwhere(volume.array == number))
        np.testing.assert_allclose(in_order(places), points_mm(asymmetric_labels() == number, orientation), atol=0.011)


def test_each_frame_names_the_slice_that_it_was_made_from(tmp_path):
    data = written(tmp_path, ORIENTATIONS["oblique"])
    places = {path.SOPInstanceUID: path.ImagePositionPatient for path in read_series(only_scan(tmp_path / "s")).headers}
    for groups in data.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert groups.PlanePositionSequence[0].ImagePositionPatient == places[source]


def test_segments_have_names_codes_and_the_algorithm(tmp_path):
    data = written(tmp_path, np.eye(3))
    first, second = data.SegmentSequence
    assert [first.SegmentLabel, second.SegmentLabel] == ["liver", "kidney_left"]
    assert [first.SegmentDescription, second.SegmentDescription] == ["label value 2", "label value 5"]
    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in (first, second)]
    assert [kind.CodeMeaning for kind in kinds] == ["Liver", "Kidney"]
    assert kinds[1].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    algorithm = first.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "orienteer model 0123456789ab"
    assert algorithm.AlgorithmVersion == data.SoftwareVersions
    assert data.SegmentationType == "BINARY"


def test_patient_and_study_are_those_of_the_series(tmp_path):
    data = written(tmp_path, np.eye(3))
    assert (data.PatientName, data.PatientID) == (PATIENT, "made-up-id")
    assert (data.StudyInstanceUID, data.FrameOfReferenceUID) == ("1.2.3", "1.2.3.9")
    assert data.SeriesInstanceUID != "1.2.3.4"


def test_names_of_any_letters_can_be_read_again(tmp_path):
    write_series(tmp_path / "s", np.eye(3), PatientName="Nob\xf6dy^Invented", SpecificCharacterSet="ISO_IR 100")
    names = {0: "background", 1: "L\xe4sion", 2: "left\\\u809d"}
    write_segmentation(tmp_path / "a.dcm", asymmetric_labels(), names, read_series(only_scan(tmp_path / "s")), SHA)
    data = pydicom.dcmread(tmp_path / "a.dcm")
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["L\xe4sion", "left/\u809d"]
    assert str(data.PatientName) == "Nob\xf6dy^Invented"


def test_a_scan_without_any_class_gives_a_segmentation_that_can_be_read(tmp_path):
    written(tmp_path, np.eye(3), labels=np.zeros_like(asymmetric_labels()))
    segmentation = highdicom.seg.segread(tmp_path / "a.seg.dcm")
    assert segmentation.number_of_segments == 2
    assert not segmentation.pixel_array.any()


def test_labels_on_other_voxels_are_refused(tmp_path):
    labels = np.ascontiguousarray(asymmetric_labels().transpose(2, 1, 0))
    with pytest.raises(InputError, match="wanted labels on the 5 x 6 x 7 voxels of the series, got 7 x 6 x 5"):
        written(tmp_path, np.eye(3), labels=labels)
    assert not (tmp_path / "a.seg.dcm").exists()


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="room for a DICOM object, got No space left"):
        written(tmp_path, np.eye(3))
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
