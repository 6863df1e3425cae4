import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from orienteer.errors import ScanError
from orienteer.scans.dicom import in_order, read_slice_header, stack
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import ScanSource
from tests.helpers.files import PATIENT, noise, turned, write_dicom


def only_scan(folder) -> ScanSource:
    (source,) = discover(folder, progress=False).sources
    return source


def refused(folder, words: str) -> None:
    """Asserts that the one series in a folder is refused in the right words, without saying whose it is."""
    with pytest.raises(ScanError, match=words) as caught:
        read_scan(only_scan(folder))
    assert caught.value.step == "read"
    assert PATIENT not in str(caught.value)


@pytest.mark.parametrize(
    "direction", [np.eye(3), turned((0, 90, 0)), turned((12, -8, 5))], ids=["axial", "sagittal", "oblique"]
)
def test_slices_are_sorted_by_position_not_by_name(tmp_path, direction):
    paths = write_dicom(tmp_path / "s", noise(), direction=direction)
    assert [path.name for path in paths] != sorted(path.name for path in paths)
    assert only_scan(tmp_path).files == tuple(paths)


def test_slices_that_run_against_the_normal_are_read_in_the_normals_direction(tmp_path):
    values = noise((4, 5, 6))
    write_dicom(tmp_path / "a", values, series="1.1")
    write_dicom(tmp_path / "b", values[:, :, ::-1], series="1.2", heights_mm=[15.0, 12.0, 9.0, 6.0, 3.0, 0.0])
    first, second = (read_scan(source) for source in discover(tmp_path).sources)
    np.testing.assert_array_equal(first.voxels, second.voxels)
    assert first.origin_mm == second.origin_mm


def test_place_of_the_stack(tmp_path):
    direction = turned((10, 20, -5))
    paths = write_dicom(tmp_path, noise((4, 5, 6)), (0.5, 0.75, 2.0), (1.0, 2.0, 3.0), direction)
    slices = tuple(item for item in map(read_slice_header, paths) if item is not None)
    found = stack("a", tuple(reversed(slices)))
    assert found.shape_vox == (4, 5, 6)
    np.testing.assert_allclose(found.spacing_mm, (0.5, 0.75, 2.0), rtol=1e-6)
    np.testing.assert_allclose(found.origin_lps_mm, (1.0, 2.0, 3.0), atol=1e-6)
    np.testing.assert_allclose(found.direction_lps, direction, atol=1e-7)
    assert found.files == tuple(paths)


def test_several_series_in_one_folder_are_several_scans(tmp_path):
    one, two = noise((4, 5, 6), seed=1), noise((4, 5, 7), seed=2)
    write_dicom(tmp_path / "s", one, series="1.2.1")
    write_dicom(tmp_path / "s", two, series="1.2.2")
    sources = discover(tmp_path).sources
    assert len({source.name for source in sources}) == 2
    scans = sorted((read_scan(source) for source in sources), key=lambda scan: scan.voxels.shape[2])
    np.testing.assert_array_equal(scans[0].voxels, one[::-1, ::-1])
    np.testing.assert_array_equal(scans[1].voxels, two[::-1, ::-1])


def test_one_series_in_two_folders_is_two_scans(tmp_path):
    write_dicom(tmp_path / "a", noise())
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert [source.name for source in discover(tmp_path).sources] == ["a", "b"]


def test_names_say_nothing_of_the_header(tmp_path):
    write_dicom(tmp_path, noise(), series="1.2.840.99.1")
    write_dicom(tmp_path, noise(), series="1.2.840.99.2")
    names = [source.name for source in discover(tmp_path).sources]
    assert len(set(names)) == 2
    for name in names:
        assert name.startswith("series-")
        assert not any(secret in name for secret in ("Nobody", "Invented", "made-up", "840"))


def test_names_of_files_do_not_matter(tmp_path):
    for index, path in enumerate(write_dicom(tmp_path / "s", noise())):
        path.rename(path.with_name(("IM{}", "{}.dcm", "CT.1.2.{}", "{}.IMA", "x.y{}")[index % 5].format(index)))
    assert len(only_scan(tmp_path).files) == 5


def test_slices_without_the_dicom_mark_are_known_by_their_ending(tmp_path):
    values = noise()
    for path in write_dicom(tmp_path / "s", values):
        path.with_name(f"{path.name}.dcm").write_bytes(path.read_bytes()[132:])
        path.unlink()
    assert len(only_scan(tmp_path).files) == values.shape[2]


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
    refused(tmp_path, words)


def test_double_slices(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 3.0, 3.0, 6.0, 9.0, 12.0])
    refused(tmp_path, r"1 of 6 slices at a place that has one already, after slice 1 \(3 mm\)")


def test_a_copied_slice(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 6)))
    shutil.copy(paths[2], tmp_path / "s" / "copy")
    refused(tmp_path, "1 of 7 slices at a place that has one already")


def test_two_phases_in_one_series(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 0.0, 3.0, 3.0, 6.0, 6.0])
    refused(tmp_path, "3 of 6 slices at a place .* one phase")


def test_all_slices_at_one_place(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)), heights_mm=[0.0, 0.0, 0.0])
    refused(tmp_path, "2 of 3 slices at a place")


def test_uneven_slices(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), heights_mm=[0.0, 3.0, 6.0, 10.0, 14.0, 18.0])
    refused(tmp_path, "gaps of 3 to 4 mm")


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
    refused(tmp_path, "slides 5 mm sideways")


def test_slices_of_different_sizes(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)))
    other = write_dicom(tmp_path / "t", noise((6, 5, 4)))
    shutil.copy(other[3], tmp_path / "s" / "odd")
    shutil.rmtree(tmp_path / "t")
    refused(tmp_path, r"sizes \[\(4, 5\), \(6, 5\)\]")


def test_slices_of_different_directions(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)))
    other = write_dicom(tmp_path / "t", noise((4, 5, 4)), direction=turned((90, 0, 0)))
    shutil.copy(other[3], tmp_path / "s" / "odd")
    shutil.rmtree(tmp_path / "t")
    refused(tmp_path, "1 of 4 turned differently")


def test_single_slice(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 1)))
    refused(tmp_path, "a series of slices, got a single slice")


def test_many_frames_in_one_file(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 2)), NumberOfFrames=3)
    refused(tmp_path, "a file with 3 frames")


def test_colour(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 2)), SamplesPerPixel=3, PhotometricInterpretation="RGB")
    refused(tmp_path, "colour")


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_slices_without_a_place(tmp_path, tag):
    for path in write_dicom(tmp_path / "s", noise((4, 5, 3)))[:2]:
        data = pydicom.dcmread(path)
        del data[tag]
        data.save_as(path)
    refused(tmp_path, "2 of 3 slices without")


def test_pixel_spacing_of_zero(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 3)), PixelSpacing=[0, 1])
    refused(tmp_path, "pixel spacings above zero")


def test_slice_cut_short(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((40, 50, 3)))
    paths[1].write_bytes(paths[1].read_bytes()[:-2000])
    refused(tmp_path, "whole DICOM file")


def test_a_file_that_is_no_slice_any_more(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 3)))
    source = only_scan(tmp_path)
    paths[1].write_text("overwritten")
    with pytest.raises(ScanError, match="DICOM slices, got 1 of 3 files that are no slices"):
        read_scan(source)


def test_order_puts_slices_without_a_place_last(tmp_path):
    paths = write_dicom(tmp_path, noise((4, 5, 3)))
    slices = [item for item in map(read_slice_header, paths) if item is not None]
    lost = replace(slices[1], place=None)
    assert in_order((lost, slices[2], slices[0])) == (slices[0], slices[2], lost)


def test_text_is_no_slice(tmp_path):
    (tmp_path / "a.dcm").write_text("hello " * 100)
    (tmp_path / "b").write_text("hello " * 100)
    assert read_slice_header(tmp_path / "a.dcm") is None
    assert read_slice_header(tmp_path / "b") is None


def test_compressed_series_is_read(real_scans):
    scan = read_scan(only_scan(real_scans / "ct_dicom_series"))
    assert scan.voxels.shape == (512, 512, 20)
    assert scan.spacing_mm == (0.9765625, 0.9765625, 2.0)
    assert scan.voxels.min() >= -1024
    assert scan.voxels[..., 10].max() > 500, "bone shows"
