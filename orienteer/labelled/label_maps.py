"""Label maps in files: class numbers in file order, on the voxels of their scan."""

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk
from jaxtyping import UInt8

from orienteer.errors import InputError, ScanError
from orienteer.labelled.dataset_json import MOST_CLASSES, check_class_values
from orienteer.labelled.datasets import Case
from orienteer.labelled.grids import Geometry, axis_order, differs, file_geometry, source_geometry
from orienteer.progress import tracked
from orienteer.scans.apart import Reading, apart, each_apart, preparing_bounds
from orienteer.scans.file_content import format_of, image_reader
from orienteer.scans.raw_header import check_raw_header
from orienteer.scans.refuse import quiet_itk, refuse
from orienteer.scans.whole_file import check_whole

ROUNDING = 1e-4
"""A share: how far a label value may be from a whole number. Slopes are 32-bit numbers, which are 6e-8 off."""


def read_label_map(case: Case, values: Iterable[int]) -> tuple[UInt8[np.ndarray, "file2 file1 file0"], Geometry]:
    """Returns class numbers 0, 1, ... in the order of the scan's file, and the grid of that file.

    A label map whose axes lie in another order or run the other way at the same places is turned, voxel by voxel.

    Args:
        values: the label values of the classes, in any order; the lowest becomes class 0.

    Raises:
        ScanError: a label map that cannot be read, is on another grid than its scan, or holds a value that is no class.
    """
    files = (case.labels, *case.source.files)
    return apart(case.name, files, _read_here, case, tuple(values), bounds=preparing_bounds)


def _read_here(case: Case, values: tuple[int, ...]) -> tuple[UInt8[np.ndarray, "file2 file1 file0"], Geometry]:
    image = _label_image(case)
    grid, scan_grid = file_geometry(image), source_geometry(case.source)
    difference = differs(grid, scan_grid)
    if difference:
        raise ScanError(
            case.name,
            step="read",
            wanted="labels on the voxels of their scan",
            got=f"{case.labels.name}: {difference}",
            do="check that the two belong together, or resample the labels onto the scan",
        )
    array = whole_values(sitk.GetArrayViewFromImage(image))
    known = np.array(sorted(values))
    unknown = [value for value in np.unique(array).tolist() if value not in known]
    if unknown:
        raise ScanError(
            case.name,
            step="read",
            wanted=f"label values among {', '.join(str(value) for value in known)}",
            got=f"{', '.join(f'{value:.7g}' for value in unknown[:5])} in {case.labels.name}",
            do=_what_to_do(unknown),
        )
    numbers = axis_order(grid, scan_grid).apply(np.searchsorted(known, array).astype(np.uint8))
    return np.ascontiguousarray(numbers), scan_grid


def whole_values(values: np.ndarray) -> np.ndarray:
    """Returns label values as whole numbers where they are whole but for rounding, as after a NIfTI's ``scl_slope``.

    Example:
        >>> whole_values(np.array([0.0, 1.0000001, 0.5])).tolist()
        [0.0, 1.0, 0.5]
    """
    if values.dtype.kind != "f":
        return values
    nearest = np.rint(values)
    return np.where(np.abs(values - nearest) <= ROUNDING * np.maximum(1, np.abs(nearest)), nearest, values)


def _what_to_do(unknown: list[int | float]) -> str:
    if all(float(value).is_integer() for value in unknown):
        return "name the class under `labels` in dataset.json, or correct the label map"
    return "save whole numbers: these may be probabilities, or labels that were resampled by interpolation"


def classes_in(cases: Iterable[Case], shown: bool) -> dict[int, str]:
    """Returns a name for each value in the label maps, for data that do not name them.

    Raises:
        InputError: a file that is not a label map, or label maps that hold nothing but 0.
    """
    cases, values, first = list(cases), {0}, None
    readings = [Reading(case.name, (case.labels,), (case,)) for case in cases]
    items = each_apart(_values_in, readings, preparing_bounds)
    for _ in tracked(cases, "collecting classes", unit="cases", shown=shown):
        found = next(items)
        if isinstance(found, InputError | OSError):  # it fails again, and is reported, when it is prepared
            first = first or found
        else:
            values |= found
    if len(values) < 2:
        wanted = "at least one class above background"
        raise first or InputError("labels", wanted=wanted, got="only 0", do="check the label maps")
    check_class_values("labels", sorted(values))
    return {value: "background" if value == 0 else f"class {value}" for value in sorted(values)}


def _values_in(case: Case) -> set[int]:
    image = _label_image(case)  # kept: the view below does not keep it alive
    return _class_values(case, np.unique(whole_values(sitk.GetArrayViewFromImage(image))))


def _class_values(case: Case, values: np.ndarray) -> set[int]:
    if values.size > MOST_CLASSES or not np.array_equal(values, np.rint(values)) or (values < 0).any():
        got = f"{values.size} values from {values.min():g} to {values.max():g} in {case.labels.name}"
        refuse(case.name, "whole numbers from 0, one per class", got, "check that it is a label map")
    return {int(value) for value in values}


def _label_image(case: Case) -> sitk.Image:
    file_format = format_of(case.labels)
    if file_format is None:
        raise _unreadable(case)
    try:
        check_raw_header(case.name, case.labels, file_format)
        check_whole(case.name, case.labels, file_format)  # ITK reads a truncated NIfTI as zeros
        with quiet_itk(), image_reader(case.labels, file_format) as reader:
            image: sitk.Image = reader.Execute()
    except ScanError as error:
        got = f"{error.got} (label map {case.labels.name})"
        raise ScanError(case.name, step="read", wanted=error.wanted, got=got, do=error.do) from None
    except (RuntimeError, OSError):
        raise _unreadable(case) from None
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[..., 0]
    complex_values = "complex" in image.GetPixelIDTypeAsString()
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1 or complex_values:
        per_voxel = "a complex number" if complex_values else f"{image.GetNumberOfComponentsPerPixel()} values"
        got = f"{image.GetDimension()} axes, {per_voxel} per voxel"
        do = "save one whole number per voxel"
        raise ScanError(case.name, step="read", wanted="a 3D label map", got=got, do=do)
    return image


def _unreadable(case: Case) -> ScanError:
    got = f"{case.labels.name}, which cannot be read"
    return ScanError(case.name, step="read", wanted="a label map", got=got, do="copy or download it again")
