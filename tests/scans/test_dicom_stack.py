"""The geometry of a DICOM series: slices that do not form one even block are refused, with what is wrong and where."""

import shutil

import numpy as np
import pydicom
import pytest

from orienteer.scans.dicom import read_slice_header
from orienteer.scans.dicom_stack import stack
from orienteer.scans.read import read_scan
from tests.helpers.files import noise, only_scan, turned, write_dicom
from tests.helpers.refusals import series_refused


def test_place_of_the_stack(tmp_path):
    direction = turned((10, 20, -5))
    paths = write_dicom(tmp_path, noise((4, 5, 6)), (0.5, 0.75, 2.0), (1.0, 2.0, 3.0), direction)
    slices = tuple(item for item in map(read_slice_header, paths) if item is not None)
    block = stack("a", tuple(reversed(slices)))
    assert block.shape_vox == (4, 5, 6)
    np.testing.assert_allclose(block.spacing_mm, (0.5, 0.75, 2.0), rtol=1e-6)
    np.testing.assert_allclose(block.origin_lps_mm, (1.0, 2.0, 3.0), atol=1e-6)
    np.testing.assert_allclose(block.direction_lps, direction, atol=1e-7)
    assert block.files == tuple(paths)


@pytest.mark.parametrize(
    ("dropped", "words"),
    [
        ([3], r"1 missing between 9 slices of 3 mm, after slice 2 \(6 mm\)"),
        ([2, 3, 6], r"3 missing between 7 slices of 3 mm, after slice 1 \(3 mm\), slice 3 \(15 mm\)"),
    ],
)
def test_missing_slices(tmp_path, dropped, words):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 10)))
    for index in dropped:
        paths[index].unlink()
    series_refused(tmp_path, words)


def test_double_slices(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 3.0, 3.0, 6.0, 9.0, 12.0])
    series_refused(tmp_path, r"1 of 6 slices at a place that has one already, after slice 1 \(3 mm\)")


def test_two_phases_in_one_series(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 0.0, 3.0, 3.0, 6.0, 6.0])
    series_refused(tmp_path, "3 of 6 slices at a place .* one phase")


def test_all_slices_at_one_place(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)), heights_mm=[0.0, 0.0, 0.0])
    series_refused(tmp_path, "2 of 3 slices at a place")


def test_uneven_slices(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 3.0, 6.0, 10.0, 14.0, 18.0])
    series_refused(tmp_path, "gaps of 3 to 4 mm")


def test_positions_rounded_by_the_scanner_are_even_enough(tmp_path):
    heights = [round(0.625 * index, 1) for index in range(12)]
    write_dicom(tmp_path / "s", noise((4, 5, 12)), heights_mm=heights)
    assert read_scan(only_scan(tmp_path)).spacing_mm[2] == pytest.approx(heights[-1] / 11)


def test_tilted_gantry(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 6)))
    for index, path in enumerate(paths):
        data = pydicom.dcmread(path)
        data.ImagePositionPatient = [5, -6 + index, 7 + 3 * index]
        data.save_as(path)
    series_refused(tmp_path, "slides 5 mm sideways")


def moved_into(tmp_path, odd, count):
    """Puts some slices of another series into the folder and the series of the first."""
    for index, path in enumerate(odd[-count:]):
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID = "1.2.3.4"
        data.save_as(tmp_path / "s" / f"odd{index}")
    shutil.rmtree(tmp_path / "t")


def test_slices_of_different_sizes(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)))
    moved_into(tmp_path, write_dicom(tmp_path / "t", noise((6, 5, 6))), 2)
    series_refused(tmp_path, r"sizes \[\(4, 5\), \(6, 5\)\]")


def test_slices_of_different_directions(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)))
    moved_into(tmp_path, write_dicom(tmp_path / "t", noise((4, 5, 4)), direction=turned((90, 0, 0))), 2)
    series_refused(tmp_path, "of 5 turned differently, the first in")


@pytest.mark.parametrize("place", [0, 3, 7])
def test_one_slice_with_another_pixel_spacing_is_named(tmp_path, place):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 8)))
    data = pydicom.dcmread(paths[place])
    data.PixelSpacing = [2.5, 1.2]
    data.save_as(paths[place])
    words = f"one pixel spacing, got 1.2 x 2.5 mm in {paths[place].name}, where the others have 1 x 2 mm"
    series_refused(tmp_path, words)


def test_pixel_spacings_that_differ_by_rounding_are_one(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 8)))
    data = pydicom.dcmread(paths[3])
    data.PixelSpacing = [2.00001, 1.0]
    data.save_as(paths[3])
    assert read_scan(only_scan(tmp_path)).spacing_mm == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        ("PhotometricInterpretation", "MONOCHROME1", "one PhotometricInterpretation, got MONOCHROME1 in"),
        ("Modality", "PT", "one modality, got PT in"),
    ],
)
def test_one_slice_of_another_kind_is_named(tmp_path, tag, value, words):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 8)))
    data = pydicom.dcmread(paths[3])
    setattr(data, tag, value)
    data.save_as(paths[3])
    series_refused(tmp_path, f"{words} {paths[3].name}, where the others have")


def test_palettes_are_colour(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)), PhotometricInterpretation="PALETTE COLOR")
    series_refused(tmp_path, "PALETTE COLOR")


def test_single_slice(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 1)))
    series_refused(tmp_path, "a series of slices, got a single slice")


def test_many_frames_in_one_file(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 1)), NumberOfFrames=3)
    series_refused(tmp_path, "a file with 3 frames and no positions of them")


def test_colour(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 2)), SamplesPerPixel=3, PhotometricInterpretation="RGB")
    series_refused(tmp_path, "colour")


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_slices_without_a_place(tmp_path, tag):
    for path in write_dicom(tmp_path / "s", noise((4, 5, 3)))[:2]:
        data = pydicom.dcmread(path)
        del data[tag]
        data.save_as(path)
    series_refused(tmp_path, rf"2 of 3 slices without, the first in \S+ \({tag}\)")


def test_pixel_spacing_of_zero(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)), PixelSpacing=[0, 1])
    series_refused(tmp_path, "pixel spacings above zero")


def changed(paths, **values):
    """Sets fields of every slice, by a function of its number."""
    for number, path in enumerate(paths):
        data = pydicom.dcmread(path)
        for tag, value in values.items():
            setattr(data, tag, value(number))
        data.save_as(path)


@pytest.mark.parametrize("tag", ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_slices_of_several_studies_under_one_identifier_are_refused(tmp_path, tag):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 6)) - 500)
    changed(paths, **{tag: lambda number: f"1.9.{number % 2}"})
    series_refused(
        tmp_path, f"one study, got another patient, study or frame of reference in {paths[1].name} and 2 more of 6"
    )


@pytest.mark.parametrize(
    ("tag", "values"),
    [("EchoTime", (10.5, 80.0)), ("ConvolutionKernel", ("B30", "B70")), ("AcquisitionNumber", (1, 2))],
)
def test_two_scans_in_turns_are_asked_about_and_blocks_are_not(tmp_path, tag, values):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 6)) - 500)
    changed(paths, **{tag: lambda number: values[number // 3]})
    assert read_scan(only_scan(tmp_path)).warnings == ()
    changed(paths, **{tag: lambda number: values[number % 2]})
    shown = f"{values[0]}, {values[1]}"
    assert read_scan(only_scan(tmp_path)).warnings == (f"slices with {tag} {shown} in turns: are they of one scan?",)


def test_values_at_the_high_end_of_their_bits_are_refused(tmp_path):
    """GDCM takes them for those at the low end."""
    write_dicom(tmp_path / "s", noise((4, 5, 6)) - 500, BitsStored=12, HighBit=15)
    series_refused(tmp_path, "HighBit 15 with BitsStored 12")


@pytest.mark.parametrize("tag", ["PatientID", "EchoTime", "AcquisitionNumber"])
def test_fields_that_only_warn_may_hold_anything(tmp_path, tag):
    for path in write_dicom(tmp_path / "s", noise((4, 5, 6)) - 500, EchoTime=12.5, AcquisitionNumber=3):
        content = path.read_bytes()
        for old, new in ((b"made-up-id", b"\xff\xfede\\up-id"), (b"12.5", b"x,\xff5")):
            content = content.replace(old, new)
        path.write_bytes(content)
    assert read_scan(only_scan(tmp_path)).warnings == ()
