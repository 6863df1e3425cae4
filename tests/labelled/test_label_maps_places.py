"""Label maps whose axes lie in another order or run the other way are turned exactly; cut and odd ones are refused."""

import gzip
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.labelled.datasets import Case
from orienteer.labelled.grids import axis_order, file_geometry
from orienteer.labelled.label_maps import classes_in, read_label_map
from tests.helpers.files import image_of, turned
from tests.helpers.labelled import case_arrays, write_case

ORIENTATIONS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]
"""All 48 ways in which the axes of a file can lie."""

OBLIQUE = {
    "spacing": (0.7, 1.1, 2.5),
    "origin": (5.0, -60.0, 7.0),
    "direction": turned((10, 20, 30), (2, 0, 1), (1, -1, 1)),
}


def reordered(image: sitk.Image, order: tuple[int, ...], signs: tuple[int, ...]) -> sitk.Image:
    """The same voxels at the same places, in a file whose axes lie otherwise, made by SimpleITK."""
    return sitk.Flip(sitk.PermuteAxes(image, order), [sign < 0 for sign in signs])


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_labels_in_any_axis_order_are_those_of_the_scan(tmp_path: Path, order: tuple, signs: tuple) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0, **OBLIQUE)
    labels = sitk.ReadImage(str(tmp_path / "labelsTr" / "a.nii.gz"))
    sitk.WriteImage(reordered(labels, order, signs), str(tmp_path / "turned.nii.gz"))
    numbers, grid = read_label_map(Case("a", source, tmp_path / "turned.nii.gz"), [0, 1, 2])
    assert np.array_equal(numbers, sitk.GetArrayFromImage(labels))
    assert grid == file_geometry(sitk.ReadImage(str(source.files[0])))


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::5])
def test_a_grid_in_another_order_has_its_voxels_where_they_were(order: tuple, signs: tuple) -> None:
    image = image_of(case_arrays(0, (4, 5, 6))[0], **OBLIQUE)
    other = reordered(image, order, signs)
    back = axis_order(file_geometry(other), file_geometry(image))
    grid = back.apply_to(file_geometry(other))
    assert np.allclose(grid.corners_mm(), file_geometry(image).corners_mm())
    assert np.array_equal(back.apply(sitk.GetArrayFromImage(other)), sitk.GetArrayFromImage(image))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labels_that_are_mirrored_in_the_header_alone_are_refused(tmp_path: Path, axis: int) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0, **OBLIQUE)
    labels = sitk.ReadImage(str(tmp_path / "labelsTr" / "a.nii.gz"))
    direction = np.reshape(labels.GetDirection(), (3, 3)).copy()
    direction[:, axis] *= -1
    labels.SetDirection(direction.ravel().tolist())
    sitk.WriteImage(labels, str(tmp_path / "mirrored.nrrd"))
    with pytest.raises(ScanError, match=r"mirrored\.nrrd: up to .* mm away"):
        read_label_map(Case("a", source, tmp_path / "mirrored.nrrd"), [0, 1, 2])


def labels_as(path: Path, values: np.ndarray, slope: float = 1.0) -> None:
    """Writes stored integers with a slope, so that readers see their product."""
    image = nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0]), dtype=values.dtype)
    image.header.set_slope_inter(slope, 0)
    nibabel.save(image, path)


@pytest.mark.parametrize("stored", [3, 7, 255])
def test_values_that_a_slope_has_rounded_are_whole(tmp_path: Path, stored: int) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0, origin=(0.0, 0.0, 0.0))
    labels = case_arrays(0)[1]
    labels_as(tmp_path / "scaled.nii.gz", labels.astype(np.int16) * stored, slope=1 / stored)
    seen = np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "scaled.nii.gz"))))
    case = Case("a", source, tmp_path / "scaled.nii.gz")
    assert seen == pytest.approx([0, 1, 2])
    numbers, _ = read_label_map(case, [0, 1, 2])
    assert np.array_equal(numbers.transpose(2, 1, 0), labels)
    assert list(classes_in([case], shown=False)) == [0, 1, 2]


@pytest.mark.parametrize("value", [0.5, 1.01, -0.4, float("nan")])
def test_values_between_classes_are_no_labels(tmp_path: Path, value: float) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0)
    labels = case_arrays(0)[1].astype(np.float32)
    labels[3, 3, 3] = value
    sitk.WriteImage(image_of(labels, spacing=(1.0, 1.0, 1.0)), str(tmp_path / "soft.nrrd"))
    with pytest.raises(ScanError, match=f"label values among 0, 1, 2, got {value:g} in soft.nrrd.*save whole numbers"):
        read_label_map(Case("a", source, tmp_path / "soft.nrrd"), [0, 1, 2])


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.float64, np.int8])
def test_labels_of_every_number_type_are_read(tmp_path: Path, kind: type) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0, origin=(0.0, 0.0, 0.0))
    labels_as(tmp_path / "labels.nii.gz", case_arrays(0)[1].astype(kind))
    numbers, _ = read_label_map(Case("a", source, tmp_path / "labels.nii.gz"), [0, 1, 2])
    assert np.array_equal(numbers.transpose(2, 1, 0), case_arrays(0)[1])


def test_complex_numbers_are_no_labels(tmp_path: Path) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0)
    labels_as(tmp_path / "labels.nii.gz", case_arrays(0)[1].astype(np.complex64))
    with pytest.raises(ScanError, match="a 3D label map, got 3 axes, a complex number per voxel"):
        read_label_map(Case("a", source, tmp_path / "labels.nii.gz"), [0, 1, 2])


@pytest.mark.parametrize("end", [".nii.gz", ".nii"])
def test_a_label_map_that_is_cut_short_is_refused_and_not_filled_with_background(tmp_path: Path, end: str) -> None:
    source = write_case(tmp_path, f"a{end}", 0)
    labels = tmp_path / "labelsTr" / f"a{end}"
    content = labels.read_bytes()
    labels.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(ScanError, match=rf"wanted the \d+ bytes that its header promises, got .*label map a{end}"):
        read_label_map(Case("a", source, labels), [0, 1, 2])


def test_a_plain_file_under_the_name_of_a_compressed_one_is_read(tmp_path: Path) -> None:
    source = write_case(tmp_path, "a.nii.gz", 0)
    labels = tmp_path / "labelsTr" / "a.nii.gz"
    labels.write_bytes(gzip.decompress(labels.read_bytes()))
    numbers, _ = read_label_map(Case("a", source, labels), [0, 1, 2])
    assert np.array_equal(numbers.transpose(2, 1, 0), case_arrays(0)[1])
