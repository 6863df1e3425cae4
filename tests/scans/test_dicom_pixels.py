"""Values of a series: each slice by its own slope and intercept, and as the intensity rule wants them."""

import numpy as np
import pydicom
import pytest

from orienteer.scans.read import read_scan
from orienteer.scans.source import Selection
from tests.helpers.files import PATIENT, noise, only_scan, write_dicom, write_enhanced
from tests.helpers.refusals import series_refused


def changed(paths, *changes):
    """Changes the header of each slice in another way."""
    for path, values in zip(paths, changes, strict=True):
        data = pydicom.dcmread(path)
        for tag, value in values.items():
            setattr(data, tag, value)
        data.save_as(path)


def body(shape=(16, 16, 4)) -> np.ndarray:
    """Dark air around bright tissue."""
    values = np.full(shape, 5) + noise(shape) % 5
    values[4:12, 4:12] += 300 + noise((8, 8, shape[2])) % 200
    return values


RESCALES = [(1, -1024), (0.5, -1000), (2, -500), (0.25, 0.125), (1, -1024)]


@pytest.mark.parametrize("order", [1, -1], ids=["whole first", "whole last"])
def test_every_slice_has_its_own_slope_and_intercept(tmp_path, order):
    stored = noise((4, 5, 5)) + 1024
    rescales = RESCALES[::order]
    paths = write_dicom(tmp_path / "s", stored - 1024)
    changed(paths, *({"RescaleSlope": slope, "RescaleIntercept": cut} for slope, cut in rescales))
    expected = stored * np.array([slope for slope, _ in rescales]) + np.array([cut for _, cut in rescales])
    np.testing.assert_allclose(read_scan(only_scan(tmp_path)).voxels, expected[::-1, ::-1], atol=1e-4)


def test_signed_and_unsigned_slices_in_one_series(tmp_path):
    values = noise((4, 5, 3)) - 500
    paths = write_dicom(tmp_path / "s", values)
    signed = values[:, :, 1].T.astype("<i2").tobytes()
    changed(paths, {}, {"PixelRepresentation": 1, "RescaleIntercept": 0, "PixelData": signed}, {})
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1])


def test_monochrome1_of_a_ct_stays_hu(tmp_path):
    values = noise((12, 13, 4)) - 500
    write_dicom(tmp_path / "s", values, PhotometricInterpretation="MONOCHROME1")
    scan = read_scan(only_scan(tmp_path))
    np.testing.assert_array_equal(scan.voxels, values[::-1, ::-1])
    assert "MONOCHROME1" in scan.warnings[0]
    assert "as stored" in scan.warnings[0]


@pytest.mark.parametrize("inverted", [True, False])
def test_monochrome1_of_an_mr_has_dark_air(tmp_path, inverted):
    values = body()
    stored = 1000 - values if inverted else values
    write_dicom(tmp_path / "s", stored, modality="MR", PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0)
    scan = read_scan(only_scan(tmp_path))
    difference = scan.voxels - values[::-1, ::-1]
    assert np.ptp(difference) < 1e-3, "the values are those of the scan but for a constant"
    assert ("inverted" in scan.warnings[0]) == inverted


@pytest.mark.parametrize("enhanced", [False, True])
def test_no_patient_is_written_to_a_temporary_file(tmp_path, monkeypatch, enhanced):
    from orienteer.scans import dicom_pixels

    written = []
    true_copy = dicom_pixels._as_stored

    def copied(path, copy, enhanced):
        written.append(true_copy(path, copy, enhanced).read_bytes())
        return copy

    monkeypatch.setattr(dicom_pixels, "_as_stored", copied)
    if enhanced:
        write_enhanced(tmp_path / "s/a", noise((12, 13, 4)))
    else:
        write_dicom(tmp_path / "s", noise((12, 13, 4)), PhotometricInterpretation="MONOCHROME1")
    read_scan(only_scan(tmp_path))
    assert len(written) == (1 if enhanced else 4)
    assert not any(PATIENT.encode() in content or b"made-up" in content for content in written)


def test_another_unit_than_hu_is_named(tmp_path):
    write_dicom(tmp_path / "s", noise() - 500, RescaleType="ED")
    assert "RescaleType ED" in read_scan(only_scan(tmp_path)).warnings[0]


def test_a_table_of_values_is_refused(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor = [2, 0, 16]
    write_dicom(tmp_path / "s", noise(), ModalityLUTSequence=[table])
    with pytest.raises(ValueError, match="ModalityLUTSequence"):
        read_scan(only_scan(tmp_path))


def test_a_ct_with_the_offset_still_in_it_is_refused(tmp_path):
    values = body() * 3 - 1000
    write_dicom(tmp_path / "s", values, RescaleIntercept=0)
    with pytest.raises(ValueError, match="HU plus an offset of about 1024"):
        read_scan(only_scan(tmp_path))
    assert read_scan(only_scan(tmp_path), Selection(modality="MR")).modality == "MR"


@pytest.mark.parametrize("tag", ["RescaleIntercept", "RescaleSlope"])
def test_half_a_rescale_is_named(tmp_path, tag):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 4)))
    data = pydicom.dcmread(paths[2])
    delattr(data, tag)
    data.save_as(paths[2])
    with pytest.raises(ValueError, match=f"{paths[2].name}: {tag} is missing"):
        read_scan(only_scan(tmp_path))


def test_one_slice_without_rescale_is_named(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 4)))
    data = pydicom.dcmread(paths[2])
    del data.RescaleIntercept, data.RescaleSlope
    data.save_as(paths[2])
    with pytest.raises(ValueError, match=f"got none in {paths[2].name}, where the others have RescaleSlope"):
        read_scan(only_scan(tmp_path))


def test_an_mr_without_rescale_is_read_as_it_is_stored(tmp_path):
    values = noise((4, 5, 4))
    for path in write_dicom(tmp_path / "s", values, modality="MR"):
        data = pydicom.dcmread(path)
        del data.RescaleIntercept, data.RescaleSlope
        data.save_as(path)
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1] + 1024)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Rows": 600, "Columns": 600}, "with 40 bytes for 720000 bytes of pixels"),
        ({"PixelData": b"\0\0"}, "with 2 bytes for 40 bytes of pixels"),
        ({"PixelData": None}, "without pixels"),
    ],
)
def test_pixels_that_are_not_there_are_refused_before_memory_is_asked_for(tmp_path, changes, words):
    for path in write_dicom(tmp_path / "s", noise((4, 5, 3))):
        data = pydicom.dcmread(path)
        for tag, value in changes.items():
            if value is None:
                delattr(data, tag)
            else:
                setattr(data, tag, value)
        data.save_as(path)
    with pytest.raises(ValueError, match=f"a whole DICOM file, got 1.2.3.4_00. {words}"):
        read_scan(only_scan(tmp_path))


@pytest.mark.parametrize(("value", "notes"), [(4095, 1), (0, 0)])
def test_padding_that_is_bright_is_named(tmp_path, value, notes):
    values = noise((8, 9, 6)) - 500
    values[:2] = value - 1024
    write_dicom(tmp_path / "s", values, PixelPaddingValue=value)
    scan = read_scan(only_scan(tmp_path))
    assert [warning for warning in scan.warnings if "25.0% of the voxels are padding at 3071" in warning] == list(
        scan.warnings
    )
    assert len(scan.warnings) == notes


def test_wide_integers_that_float32_would_change_are_refused(tmp_path):
    wide = {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31, "RescaleIntercept": 0}
    paths = write_dicom(tmp_path / "s", noise(), modality="MR", **wide)
    for place, path in enumerate(paths):
        data = pydicom.dcmread(path)
        data.PixelData = (noise()[:, :, place].T.astype("<u4") + 2_000_000_000).tobytes()
        data.save_as(path)
    series_refused(tmp_path, "values whose differences float32 can keep")
