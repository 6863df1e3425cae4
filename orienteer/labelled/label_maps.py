"""Label maps in files: class numbers in file order, on the voxels of their scan."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from jaxtyping import UInt8

from orienteer.errors import InputError, ScanError
from orienteer.files import readable
from orienteer.labelled.datasets import Case
from orienteer.labelled.grids import Geometry, differs, file_geometry, source_geometry
from orienteer.progress import Progress
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.compressed import check_compressed
from orienteer.scans.discover import SUFFIXES
from orienteer.scans.raw_header import check_whole
from orienteer.scans.refuse import quiet_itk

MOST_CLASSES = 256
"""Values of a label map; more are an image."""


def read_label_map(case: Case, values: Iterable[int]) -> tuple[UInt8[np.ndarray, "file2 file1 file0"], Geometry]:
    """Returns class numbers 0, 1, ... in file order, and the grid of the file.

    Args:
        values: the label values of the classes, in any order; the lowest becomes class 0.

    Raises:
        ScanError: a label map that cannot be read, is on another grid than its scan, or holds a value that is no class.
    """
    array, grid = _label_image(case)
    difference = differs(grid, apart(case.name, case.source.files, source_geometry, case.source))
    if difference:
        raise ScanError(
            case.name,
            step="read",
            wanted="labels on the voxels of their scan",
            got=f"{case.labels.name}: {difference}",
            do="check that the two belong together, or resample the labels onto the scan",
        )
    known = np.array(sorted(values))
    unknown = [value for value in np.unique(array).tolist() if value not in known]
    if unknown:
        raise ScanError(
            case.name,
            step="read",
            wanted=f"label values among {', '.join(str(value) for value in known)}",
            got=f"{', '.join(f'{value:g}' for value in unknown[:5])} in {case.labels.name}",
            do="name the class under `labels` in dataset.json, or correct the label map",
        )
    return np.searchsorted(known, array).astype(np.uint8), grid


def classes_in(cases: Iterable[Case], shown: bool) -> dict[int, str]:
    """Returns a name for each value in the label maps, for data that do not name them.

    Raises:
        InputError: a file that is not a label map, or label maps that hold nothing but 0.
    """
    cases, values = list(cases), {0}
    with Progress("collecting classes", len(cases), unit="cases", shown=shown) as progress:
        for case in cases:
            try:
                image = _label_image(case)
            except ScanError:
                continue  # it fails again, and is reported, when it is prepared
            values |= _whole_values(case, np.unique(image.values))
            progress.advance()
    if len(values) < 2:
        wanted = "at least one class above background"
        raise InputError("labels", wanted=wanted, got="only 0", do="check the label maps")
    return {value: "background" if value == 0 else f"class {value}" for value in sorted(values)}


def _whole_values(case: Case, values: np.ndarray) -> set[int]:
    if values.size > MOST_CLASSES or (values < 0).any() or (values != np.rint(values)).any():
        raise InputError(
            str(case.labels),
            wanted="whole numbers from 0, one per class",
            got=f"{values.size} values from {values.min():g} to {values.max():g}",
            do="check that it is a label map",
        )
    return {int(value) for value in values}


class _LabelImage(NamedTuple):
    values: np.ndarray  # (file2, file1, file0)
    grid: Geometry


def _label_image(case: Case) -> _LabelImage:
    return apart(case.name, (case.labels,), _read_labels, case.name, case.labels, bounds=preparing_bounds)


def _read_labels(name: str, path: Path) -> _LabelImage:
    file_format = next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
    try:
        if file_format is not None:
            check_whole(name, path, file_format)
            check_compressed(name, path, file_format)
        with quiet_itk():
            image = sitk.ReadImage(readable(path))
    except ScanError as error:
        got = f"{path.name}: {error.got}, instead of {error.wanted}"
        raise ScanError(name, step="read", wanted="a label map", got=got, do=error.do) from None
    except (RuntimeError, OSError):
        got = f"{path.name}, which cannot be read"
        raise ScanError(name, step="read", wanted="a label map", got=got, do="copy or download it again") from None
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[..., 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        got = f"{image.GetDimension()} axes, {image.GetNumberOfComponentsPerPixel()} values per voxel"
        do = "save one whole number per voxel"
        raise ScanError(name, step="read", wanted="a 3D label map", got=got, do=do)
    return _LabelImage(sitk.GetArrayFromImage(image), file_geometry(image))
