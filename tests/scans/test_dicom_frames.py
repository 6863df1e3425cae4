"""Enhanced files: every frame at its own place, by its own slope and intercept, whatever the order of the frames."""

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from orienteer.scans.dicom_frames import read_slice_headers
from orienteer.scans.discover import discover
from orienteer.scans.read import header, read_scan
from orienteer.scans.source import Selection
from tests.helpers.files import noise, only_scan, turned, write_dicom, write_enhanced
from tests.helpers.refusals import series_refused

SHAPE = (4, 5, 6)


def assert_as_classic(folder, values, **geometry):
    """The scan in the folder is the one that a classic series of these values gives."""
    write_dicom(folder / "classic", values, **geometry)
    enhanced, classic = (only_scan(folder / name) for name in ("enhanced", "classic"))
    one, other = read_scan(enhanced), read_scan(classic)
    np.testing.assert_array_equal(one.voxels, other.voxels)
    np.testing.assert_allclose(one.origin_mm, other.origin_mm, atol=1e-5)
    np.testing.assert_allclose(one.spacing_mm, other.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(one.axes, other.axes, atol=1e-8)
    assert header(enhanced).shape_vox == header(classic).shape_vox == one.voxels.shape
    assert one.modality == other.modality


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "per frame"])
@pytest.mark.parametrize("direction", [np.eye(3), turned((0, 90, 0)), turned((12, -8, 5))])
def test_frames_in_any_order_are_the_slices_of_a_series(tmp_path, direction, shared, modality):
    values = noise(SHAPE)
    write_enhanced(tmp_path / "enhanced/a", values, direction=direction, shared=shared, modality=modality)
    assert_as_classic(tmp_path, values, direction=direction, modality=modality)


def test_every_frame_has_its_own_slope_and_intercept(tmp_path):
    values = noise(SHAPE)
    rescales = [(1, -1024), (0.5, -1000), (2, -500), (0.25, 0.125), (-1, 700), (1, 0)]
    write_enhanced(tmp_path / "a.dcm", values, rescales=rescales)
    slopes, intercepts = np.array(rescales).T
    expected = (values + 1024) * slopes + intercepts
    np.testing.assert_allclose(read_scan(only_scan(tmp_path)).voxels, expected[::-1, ::-1], rtol=1e-6)


def test_values_without_a_transformation_are_as_stored(tmp_path):
    values = noise(SHAPE)
    path = write_enhanced(tmp_path / "a.dcm", values, modality="MR")
    data = pydicom.dcmread(path)
    for item in data.PerFrameFunctionalGroupsSequence:
        del item["PixelValueTransformationSequence"]
    data.save_as(path)
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1] + 1024)


def test_signed_values(tmp_path):
    values = noise(SHAPE) - 500
    path = write_enhanced(tmp_path / "a.dcm", values, order=range(6), rescales=[(1, 0)] * 6, PixelRepresentation=1)
    data = pydicom.dcmread(path)
    data.PixelData = values.transpose(2, 1, 0).astype("<i2").tobytes()
    data.save_as(path)
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1])


def test_compressed_frames(tmp_path):
    values = noise(SHAPE)
    path = write_enhanced(tmp_path / "enhanced/a", values)
    data = pydicom.dcmread(path)
    data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(path)
    assert_as_classic(tmp_path, values)


def test_monochrome1_of_a_ct_stays_hu(tmp_path):
    values = noise(SHAPE)
    write_enhanced(tmp_path / "a.dcm", values, PhotometricInterpretation="MONOCHROME1")
    scan = read_scan(only_scan(tmp_path))
    np.testing.assert_array_equal(scan.voxels, values[::-1, ::-1])
    assert any("MONOCHROME1" in note for note in scan.warnings)


def test_the_parts_of_a_concatenation_are_one_scan(tmp_path):
    values = noise(SHAPE)
    whole = {"ConcatenationUID": "1.9.9", "series": "1.2.7"}
    write_enhanced(tmp_path / "enhanced/a", values, order=(0, 4, 2, 1), **whole)
    write_enhanced(tmp_path / "enhanced/b", values, order=(5,), **whole)
    write_enhanced(tmp_path / "enhanced/c", values, order=(3,), **whole)
    assert_as_classic(tmp_path, values)


def test_enhanced_files_of_one_frame_each_are_one_series(tmp_path):
    values = noise(SHAPE)
    for index in range(6):
        write_enhanced(tmp_path / f"enhanced/{5 - index}", values, order=(index,))
    assert_as_classic(tmp_path, values)


def test_two_enhanced_files_of_one_series_are_two_scans(tmp_path):
    one, two = noise(SHAPE, 1), noise(SHAPE, 2)
    write_enhanced(tmp_path / "a.dcm", one)
    write_enhanced(tmp_path / "b.dcm", two)
    sources = discover(tmp_path, progress=False).sources
    assert len({source.name for source in sources}) == 2
    read = {source.files[0].name: read_scan(source).voxels for source in sources}
    np.testing.assert_array_equal(read["a.dcm"], one[::-1, ::-1])
    np.testing.assert_array_equal(read["b.dcm"], two[::-1, ::-1])


def test_gaps_between_frames_are_named(tmp_path):
    write_enhanced(tmp_path / "s/a", noise(SHAPE), order=(0, 1, 3, 4, 5))
    series_refused(tmp_path, "1 missing between 5 slices of 3 mm, after slice 1")


def test_frames_of_several_phases_are_named_with_what_to_do(tmp_path):
    write_enhanced(tmp_path / "s/a", noise(SHAPE), order=(0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5))
    series_refused(tmp_path, "6 of 12 slices at a place that has one already.*dcm2niix")


@pytest.mark.parametrize(
    ("group", "tag", "value", "words"),
    [
        (
            "PixelMeasuresSequence",
            "PixelSpacing",
            [2.0, 1.5],
            "1.5 x 2 mm in frame 3 of a, where the others have 1 x 2 mm",
        ),
        ("PlaneOrientationSequence", "ImageOrientationPatient", [0, 1, 0, 1, 0, 0], "first in frame 3 of a"),
        ("PlanePositionSequence", "ImagePositionPatient", [0, 0, 1e7], "frame 3 of a: ImagePositionPatient"),
        ("PixelValueTransformationSequence", "RescaleSlope", 0, "frame 3 of a: RescaleSlope is 0"),
    ],
)
def test_a_frame_that_differs_is_named(tmp_path, group, tag, value, words):
    path = write_enhanced(tmp_path / "s/a", noise((64, 64, 6)), shared=False, order=range(6))
    data = pydicom.dcmread(path)
    setattr(data.PerFrameFunctionalGroupsSequence[2][group].value[0], tag, value)
    data.save_as(path)
    series_refused(tmp_path, words)


@pytest.mark.parametrize("group", ["PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"])
def test_a_frame_without_a_place_is_named(tmp_path, group):
    path = write_enhanced(tmp_path / "s/a", noise(SHAPE), shared=False)
    data = pydicom.dcmread(path)
    del data.PerFrameFunctionalGroupsSequence[1][group]
    data.save_as(path)
    series_refused(tmp_path, "1 of 6 slices without, the first in frame 2 of a")


@pytest.mark.parametrize("frames", [5, 7, 2_000_000_000])
def test_a_number_of_frames_that_lies_is_named(tmp_path, frames):
    path = write_enhanced(tmp_path / "s/a", noise(SHAPE))
    data = pydicom.dcmread(path)
    data.NumberOfFrames = frames
    data.save_as(path)
    series_refused(tmp_path, f"NumberOfFrames {frames}, with functional groups of 6 frames")


def test_pixels_that_are_cut_short_are_named(tmp_path):
    path = write_enhanced(tmp_path / "s/a", noise(SHAPE))
    data = pydicom.dcmread(path)
    data.PixelData = data.PixelData[:-40]
    data.save_as(path)
    series_refused(tmp_path, "200 bytes for 240 bytes of pixels")


def test_fewer_compressed_frames_than_promised_are_refused(tmp_path):
    path = write_enhanced(tmp_path / "s/a", noise(SHAPE))
    data = pydicom.dcmread(path)
    data.compress(RLELossless, generate_instance_uid=False)
    data.PixelData = encapsulate([next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=6))])
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    series_refused(tmp_path, "s")


def test_a_label_map_of_frames_is_left_out(tmp_path):
    write_dicom(tmp_path / "ct", noise())
    write_enhanced(tmp_path / "other/a", noise(SHAPE), modality="SEG")
    (left_out,) = discover(tmp_path, progress=False).left_out
    assert "no image (DICOM modality SEG)" in left_out.reason


def test_the_modality_can_be_named_for_other_kinds(tmp_path):
    values = noise(SHAPE)
    write_enhanced(tmp_path / "a.dcm", values, modality="PT")
    selection = Selection(modality="MR")
    (source,) = discover(tmp_path, selection, progress=False).sources
    np.testing.assert_array_equal(read_scan(source, selection).voxels, values[::-1, ::-1])


def test_headers_of_frames_say_which_they_are(tmp_path):
    frames = read_slice_headers(write_enhanced(tmp_path / "a.dcm", noise(SHAPE), order=(2, 0, 1)))
    assert [item.frame for item in frames] == [0, 1, 2]
    assert [item.position[2] for item in frames] == [13.0, 7.0, 10.0]
    assert frames[1].shown == "frame 2 of a.dcm"
