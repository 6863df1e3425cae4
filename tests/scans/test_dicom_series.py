"""Files that carry the identifier of a series and are no slices of its stack are left out by name, and the series is used."""

import shutil

import numpy as np
import pydicom
import pytest

from orienteer.scans.dicom_series import SECONDARY_CAPTURE
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from tests.helpers.files import noise, turned, write_dicom

VALUES = noise((4, 5, 6))


@pytest.fixture
def series(tmp_path):
    """The paths of a series of six slices in a folder of its own."""
    return write_dicom(tmp_path / "s", VALUES)


def add(series, name="odd", **values):
    """Adds a changed copy of the last slice to the folder of a series."""
    data = pydicom.dcmread(series[-1])
    for tag, value in values.items():
        if value is None:
            delattr(data, tag)
        else:
            setattr(data, tag, value)
    data.save_as(series[0].with_name(name))


def assert_left_out(tmp_path, expected: dict[str, str]) -> None:
    """Asserts that these files are left out for these reasons, and that the scan is as if they were not there."""
    discovery = discover(tmp_path, progress=False)
    (source,) = discovery.sources
    reasons = {item.name: item.reason for item in discovery.left_out}
    assert reasons.keys() == expected.keys()
    for name, words in expected.items():
        assert words in reasons[name]
    np.testing.assert_array_equal(read_scan(source).voxels, VALUES[::-1, ::-1])
    assert discovery.files == len(source.files) + len(expected)


SCOUT = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
DOSE_PAGE = {"SOPClassUID": SECONDARY_CAPTURE, "ImagePositionPatient": None, "ImageOrientationPatient": None}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (SCOUT, "a localizer (scout image) in a series of slices"),
        ({**SCOUT, "Rows": 2, "Columns": 10}, "a localizer"),
        (DOSE_PAGE, "a secondary capture (dose page or screenshot)"),
        ({**DOSE_PAGE, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "a secondary capture"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "a colour image in a series of slices"),
        ({"ImagePositionPatient": None}, "no position in its header"),
        ({"Rows": 2, "Columns": 10}, "10 x 2 pixels in a series of 4 x 5"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "a slice in another direction"),
        ({"Modality": "PR"}, "no image (DICOM modality PR)"),
        ({"Rows": None, "Columns": None}, "a DICOM file without pixels"),
        ({}, "the same slice as 1.2.3.4_"),
        ({"SOPInstanceUID": "1.2.3.99", "InstanceNumber": 77}, "the same slice as 1.2.3.4_"),
    ],
)
def test_one_odd_file(tmp_path, series, values, words):
    add(series, **values)
    assert_left_out(tmp_path, {"s/odd": words})


def test_several_odd_files_of_several_kinds(tmp_path, series):
    for number in range(3):
        add(series, f"scout{number}", **SCOUT)
        add(series, f"dose{number}", **DOSE_PAGE)
    expected = {f"s/scout{number}": "localizer" for number in range(3)}
    assert_left_out(tmp_path, expected | {f"s/dose{number}": "secondary capture" for number in range(3)})


def test_every_slice_twice(tmp_path, series):
    for path in series:
        shutil.copy(path, path.with_name(f"z-{path.name}"))
    assert_left_out(tmp_path, {f"s/z-{path.name}": f"the same slice as {path.name}" for path in series})


def test_two_slices_with_other_values_at_one_place_are_no_copies(tmp_path, series):
    add(series, PixelData=pydicom.dcmread(series[0]).PixelData)
    discovery = discover(tmp_path, progress=False)
    assert discovery.left_out == ()
    assert len(discovery.sources[0].files) == 7


def test_a_series_of_secondary_captures_is_a_scan(tmp_path):
    write_dicom(tmp_path / "s", VALUES, SOPClassUID=SECONDARY_CAPTURE)
    assert_left_out(tmp_path, {})


def test_a_third_of_the_slices_is_not_left_out(tmp_path, series):
    others = write_dicom(tmp_path / "t", noise((4, 5, 3)), direction=turned((90, 0, 0)))
    for path in others:
        path.rename(tmp_path / "s" / f"t-{path.name}")
    (tmp_path / "t").rmdir()
    discovery = discover(tmp_path, progress=False)
    assert discovery.left_out == ()
    assert len(discovery.sources[0].files) == 9


def test_a_slice_that_is_left_out_of_the_middle_leaves_a_hole(tmp_path, series):
    data = pydicom.dcmread(series[2])
    del data.ImagePositionPatient
    data.save_as(series[2])
    discovery = discover(tmp_path, progress=False)
    assert [item.name for item in discovery.left_out] == [f"s/{series[2].name}"]
    with pytest.raises(ValueError, match="1 missing between 5 slices"):
        read_scan(discovery.sources[0])
