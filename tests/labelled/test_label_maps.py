"""Label maps in files: class numbers, and what is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError, ScanError
from orienteer.labelled.datasets import Case
from orienteer.labelled.label_maps import classes_in, read_label_map
from tests.helpers.labelled import case_arrays, rewrite_labels, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    source = write_case(tmp_path, "a.nii.gz", 0)
    return Case("a", source, tmp_path / "labelsTr" / "a.nii.gz")


def test_values_become_class_numbers_in_the_order_of_the_values(case: Case) -> None:
    rewrite_labels(case.labels, lambda values: np.choose(values, [0, 9, 4]).astype(np.uint8))
    numbers, grid = read_label_map(case, [9, 0, 4])
    wanted = np.choose(case_arrays(0)[1], [0, 2, 1])
    assert np.array_equal(numbers.transpose(2, 1, 0), wanted)
    assert grid.size == wanted.shape


def test_a_value_that_is_no_class_is_named(case: Case) -> None:
    rewrite_labels(case.labels, lambda values: np.where(values == 2, 7, values))
    with pytest.raises(ScanError, match=r"label values among 0, 1, 2, got 7 in a\.nii\.gz"):
        read_label_map(case, [0, 1, 2])


def test_labels_of_another_scan_are_refused(case: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "other", "a.nii.gz", 0, spacing=(1.0, 1.0, 2.0))
    other = Case("a", case.source, tmp_path / "other" / "labelsTr" / "a.nii.gz")
    with pytest.raises(ScanError, match="labels on the voxels of their scan, got a.nii.gz: up to 15 mm away"):
        read_label_map(other, [0, 1, 2])


def test_a_file_that_cannot_be_read_or_has_two_channels_is_refused(case: Case) -> None:
    image = sitk.ReadImage(str(case.labels))
    sitk.WriteImage(sitk.Compose(image, image), str(case.labels))
    with pytest.raises(ScanError, match="a 3D label map, got 3 axes, 2 values per voxel"):
        read_label_map(case, [0, 1, 2])
    case.labels.write_bytes(b"nothing")
    with pytest.raises(ScanError, match=r"wanted a label map, got a\.nii\.gz, which cannot be read"):
        read_label_map(case, [0, 1, 2])
    case.labels.unlink()
    with pytest.raises(ScanError, match=r"got a.nii.gz, which cannot be read"):
        read_label_map(case, [0, 1, 2])


def test_a_label_map_that_is_cut_short_or_damaged_is_refused(case: Case) -> None:
    """SimpleITK reads it, with zeros or wrong values where something is missing."""
    whole = case.labels.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]):
        case.labels.write_bytes(content)
        with pytest.raises(
            ScanError, match=r"a: wanted the \d+ bytes that its header promises, got .*label map a.nii.gz"
        ):
            read_label_map(case, [0, 1, 2])


def test_classes_are_the_values_of_all_label_maps(case: Case, tmp_path: Path) -> None:
    rewrite_labels(case.labels, lambda values: np.where(values == 2, 7, values))
    second = Case("b", write_case(tmp_path, "b.nii.gz", 1), tmp_path / "labelsTr" / "b.nii.gz")
    broken = Case("c", second.source, tmp_path / "none.nii.gz")
    found = classes_in([case, second, broken], shown=False)
    assert found == {0: "background", 1: "class 1", 2: "class 2", 7: "class 7"}


def test_an_image_is_no_label_map_and_empty_maps_have_no_classes(case: Case) -> None:
    with pytest.raises(InputError, match="whole numbers from 0, one per class"):
        classes_in([Case("a", case.source, case.source.files[0])], shown=False)
    rewrite_labels(case.labels, np.zeros_like)
    with pytest.raises(InputError, match="at least one class above background, got only 0"):
        classes_in([case], shown=False)


def test_a_truncated_label_map_is_refused_instead_of_being_filled_with_zeros(case: Case) -> None:
    plain = case.labels.with_name("b.nii")
    plain.write_bytes(gzip.decompress(case.labels.read_bytes())[:-500])
    with pytest.raises(
        ScanError, match=r"a: wanted the \d+ bytes that its header promises, got \d+ bytes \(label map b.nii"
    ):
        read_label_map(Case("a", case.source, plain), [0, 1, 2])
