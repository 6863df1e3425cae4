import re
import shutil
import struct
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from orienteer.errors import ScanError
from orienteer.scans.dicom import in_order, read_slice_header
from orienteer.scans.discover import discover
from orienteer.scans.read import header, read_scan
from orienteer.scans.source import Selection
from tests.helpers.files import noise, only_scan, turned, write_dicom
from tests.helpers.refusals import series_refused


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


def test_slice_cut_short(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((40, 50, 3)))
    paths[1].write_bytes(paths[1].read_bytes()[:-2000])
    series_refused(tmp_path, "whole DICOM file")


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
    assert read_slice_header(tmp_path / "a.dcm").reason == "not a DICOM file"
    assert read_slice_header(tmp_path / "b").reason == "not a DICOM file"


def rewritten(paths, **values):
    """Sets numbers in the headers of slices to text that pydicom would not write."""
    for path in paths:
        content = path.read_bytes()
        for tag, value in values.items():
            number = pydicom.tag.Tag(tag)
            begin = content.index(struct.pack("<2H", number.group, number.element) + b"DS") + 8
            (length,) = struct.unpack_from("<H", content, begin - 2)
            size = struct.pack("<H", len(value))
            content = content[: begin - 2] + size + value + content[begin + length :]
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        ("PixelSpacing", b"0,9\\0,9 ", r"PixelSpacing '0,9\\0,9' is not 2 numbers"),
        ("PixelSpacing", b"0.9 ", "PixelSpacing '0.9' has 1 of 2 numbers"),
        ("ImagePositionPatient", b"0\\0\\inf ", "ImagePositionPatient .* is not finite"),
        ("ImagePositionPatient", b"0\\0\\1e30", "ImagePositionPatient .* further away"),
        ("ImageOrientationPatient", b"1\\0\\0\\0\\nan\\0 ", "ImageOrientationPatient .* is not finite"),
        ("RescaleSlope", b"1,0 ", "RescaleSlope '1,0' is not a number"),
        ("RescaleSlope", b"0 ", "RescaleSlope is 0"),
        ("RescaleIntercept", b"garbage ", "RescaleIntercept 'garbage' is not a number"),
    ],
)
def test_a_value_that_is_no_number_costs_the_series_and_is_named(tmp_path, tag, value, words):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 4)))
    rewritten(paths[2:3], **{tag: value})
    assert len(only_scan(tmp_path).files) == 4, "no slice vanishes"
    series_refused(tmp_path, f"{paths[2].name}: {words}")


def test_a_fault_in_every_slice_is_named_once(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 4)))
    rewritten(paths, PixelSpacing=b"0,9\\0,9 ")
    series_refused(tmp_path, r"_000 and 3 more of 4 slices: PixelSpacing '0,9\\0,9'")


def test_values_that_are_not_used_may_be_anything(tmp_path):
    values = noise((4, 5, 4))
    rewritten(write_dicom(tmp_path / "s", values), SliceThickness=b"thin")
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1])


@pytest.mark.parametrize("missing", [True, False], ids=["missing", "empty"])
def test_slices_without_a_series_are_one_scan_with_a_warning(tmp_path, missing):
    values = noise((4, 5, 4))
    for path in write_dicom(tmp_path / "s", values):
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID = ""
        if missing:
            del data.SeriesInstanceUID
        data.save_as(path)
    source = only_scan(tmp_path)
    scan = read_scan(source)
    np.testing.assert_array_equal(scan.voxels, values[::-1, ::-1])
    assert "without a SeriesInstanceUID" in scan.warnings[0]
    assert header(source).warnings == scan.warnings[:1]


@pytest.mark.parametrize("ending", ["", ".dcm"])
def test_slices_without_the_mark_are_known_by_their_first_element(tmp_path, ending):
    values = noise((4, 5, 4))
    for path in write_dicom(tmp_path / "s", values):
        path.with_name(f"{path.name}{ending}").write_bytes(path.read_bytes()[132:])
        if ending:
            path.unlink()
    np.testing.assert_array_equal(read_scan(only_scan(tmp_path)).voxels, values[::-1, ::-1])


def test_a_header_that_ends_in_the_middle_is_a_scan_that_fails(tmp_path):
    paths = write_dicom(tmp_path / "s", noise((4, 5, 4)))
    paths[1].write_bytes(paths[1].read_bytes()[:250])
    discovery = discover(tmp_path)
    assert sum(len(source.files) for source in discovery.sources) + sum(i.files for i in discovery.left_out) == 4
    for source in discovery.sources:
        with pytest.raises(
            ScanError, match="missing between|header cannot be read|fields of an image|no rows|a position"
        ):
            read_scan(source)


def test_compressed_series_is_read(real_scans):
    scan = read_scan(only_scan(real_scans / "ct_dicom_series"))
    assert scan.voxels.shape == (512, 512, 20)
    assert scan.spacing_mm == (0.9765625, 0.9765625, 2.0)
    assert scan.voxels.min() >= -1024
    assert scan.voxels[..., 10].max() > 500, "bone shows"


def test_a_length_that_lies_shows_nothing_of_the_patient(tmp_path):
    """The value of each field is made to run over the fields that follow, among them the patient's name."""
    paths = write_dicom(tmp_path / "s", noise((4, 5, 3)) - 500)
    content = paths[1].read_bytes()
    for tag in (b"\x08\x00\x08\x00CS", b"\x08\x00\x16\x00UI", b"\x08\x00\x60\x00CS", b"\x20\x00\x0e\x00UI"):
        place = content.index(tag) + 6
        for length in (40, 90, 200):
            paths[1].write_bytes(content[:place] + length.to_bytes(2, "little") + content[place + 2 :])
            discovery = discover(tmp_path, progress=False)
            shown = [item.reason for item in discovery.left_out]
            for source in discovery.sources:
                try:
                    shown += read_scan(source).warnings
                except ScanError as error:
                    shown.append(str(error))
            assert shown, "a slice is missing, or damaged"
            assert not [text for text in shown if re.search("Nobody|Invented|made-up", text)]


@pytest.mark.parametrize("kind", [b"U\0", b"\0\0", b"SQ", b"ZZ"])
@pytest.mark.parametrize("tag", [b"\x28\x00\x02\x00", b"\x28\x00\x10\x00", b"\x20\x00\x32\x00", b"\x28\x00\x00\x01"])
def test_a_type_that_is_none_is_named_in_words(tmp_path, tag, kind):
    path = write_dicom(tmp_path / "s", noise((4, 5, 5)) - 500)[2]
    content = path.read_bytes()
    place = content.index(tag) + 4
    path.write_bytes(content[:place] + kind + content[place + 2 :])
    shown = []
    discovery = discover(tmp_path, progress=False)
    for source in discovery.sources:
        with pytest.raises(ScanError) as caught:
            read_scan(source)
        shown.append(str(caught.value))
    shown += [item.reason for item in discovery.left_out]
    assert shown
    assert not [text for text in shown if re.search(r"[a-z]Error|Exception", text)]


def test_words_of_the_standard_may_be_in_small_letters(tmp_path):
    for path in write_dicom(tmp_path / "s", noise((4, 5, 3)) - 500):
        path.write_bytes(path.read_bytes().replace(b"CS\x02\x00CT", b"CS\x02\x00ct"))
    (source,) = discover(tmp_path, Selection(modality="CT")).sources
    assert read_scan(source, Selection(modality="CT")).modality == "CT"
