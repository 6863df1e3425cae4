"""Recognises label maps among scans, by the name of their folder or by their values, reading as little as possible.

A label map among the scans would be trained on as if it were an image. Reading every file in full would cost as much as
preparing it, so cheap checks come first and only suspects are read.
"""

import math
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jaxtyping import Shaped

from orienteer.scans.companions import companions
from orienteer.scans.file_content import LARGEST_RATIO, format_of, image_reader
from orienteer.scans.memory import bounded_reading
from orienteer.scans.nifti_header import read_nifti_header
from orienteer.scans.raw_header import check_raw_header
from orienteer.scans.refuse import quiet_itk
from orienteer.scans.source import NIFTI
from orienteer.scans.whole_file import check_whole

FOLDER = re.compile(r"(labels|segmentation|masks).*|label|seg|segs|mask", flags=re.IGNORECASE)
"""Names of folders that hold label maps: labels, labelsTr, segmentations, masks, ..."""

MOST_LABELS = 256
"""A file with more distinct values is an image. Whole-body label maps have up to about 150."""

SAME_NEIGHBOUR = 0.5
"""Least share of neighbouring voxels with the same value in a label map, background aside. Noise keeps it low in scans:
below 0.1 in real ones, 8-bit scans included, against 0.7 and more in label maps."""

ROUNDING = 1e-3
"""How far a label may lie from a whole number. A slope and an intercept in the header move it by less."""

BYTES_PER_VOXEL = 0.5
"""Any compression makes a label map far smaller than this, but not an image with noise."""


def in_label_folder(relative: Path) -> str | None:
    """Returns the name of the first parent folder that is named like one of label maps; None if there is none.

    Example:
        >>> in_label_folder(Path("task/labelsTr/case_1.nii.gz"))
        'labelsTr'
        >>> in_label_folder(Path("labelled_scans/case_1.nii.gz")) is None
        True
    """
    return next((part for part in relative.parts[:-1] if FOLDER.fullmatch(part)), None)


def looks_like_labels(path: Path, file_format: str | None = None) -> bool:
    """Returns whether a NIfTI, NRRD or MetaImage file holds a label map.

    Whole numbers saved as floats count too, as some tools write label maps so. For colour images and files that cannot be
    used, or do not fit into memory, it returns False: reading them names what is wrong.

    Args:
        file_format: by default what the content says.
    """
    file_format = file_format or format_of(path)
    if file_format is None:
        return False
    with quiet_itk(), suppress(Exception):
        check_raw_header(path.name, path, file_format)  # ITK is not given what crashes it
        if file_format == NIFTI and read_nifti_header(path.name, path).labels:
            return True
        with image_reader(path, file_format) as reader:
            reader.ReadImageInformation()
            kind = sitk.GetPixelIDValueAsString(reader.GetPixelIDValue())
            real = kind.endswith(("integer", "float")) and reader.GetNumberOfComponents() == 1
            if not real or reader.GetDimension() != 3:
                return False
            if _surely_image(path, math.prod(reader.GetSize()), int(kind.split("-")[0]) // 8):
                return False
            check_whole(path.name, path, file_format)
            with bounded_reading(reader.GetSize(), (path, *companions(path))):
                image = reader.Execute()  # a reference must be held: the view below does not keep it alive
            return are_labels(sitk.GetArrayViewFromImage(image))
    return False


def are_labels(values: Shaped[np.ndarray, "size0 size1 size2"]) -> bool:
    """Returns whether values are labels: few whole numbers, none below zero, mostly the same as their neighbours'.

    Example:
        >>> blocks = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((9, 9, 9), dtype=int))
        >>> are_labels(blocks), are_labels(np.random.default_rng(0).integers(0, 8, (9, 9, 9)))
        (True, False)
    """
    lowest, highest = values.min(), values.max()
    if values.dtype.kind == "f":
        whole = whole_numbers(values)
        if whole is None:
            return False
        values, lowest, highest = whole, whole.min(), whole.max()
    if lowest < 0 or lowest == highest or (highest > MOST_LABELS and np.unique(values).size > MOST_LABELS):
        return False
    return any(_same_neighbour(values, axis) >= SAME_NEIGHBOUR for axis in range(values.ndim))


def whole_numbers(values: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."] | None:
    """Returns numbers as whole ones if they are that but for rounding, as by a slope in the header; None if they are not.

    Example:
        >>> whole_numbers(np.array([0.0, 1.0000001, 2.0])), whole_numbers(np.array([0.5]))
        (array([0, 1, 2], dtype=int32), None)
    """
    if values.dtype.kind != "f":
        return values
    if not np.isfinite([values.min(), values.max()]).all() or np.abs([values.min(), values.max()]).max() >= 1 << 31:
        return None
    nearest = np.rint(values)
    return nearest.astype(np.int32) if np.abs(values - nearest).max() <= ROUNDING else None


def _same_neighbour(values: Shaped[np.ndarray, "size0 size1 size2"], axis: int) -> float:
    """Returns the share of equal neighbours along an axis, among pairs in which at least one is not background (0)."""
    turned = np.moveaxis(values, axis, 0)
    before, after = turned[:-1], turned[1:]
    counted = np.count_nonzero((before != 0) | (after != 0))
    return float(np.count_nonzero((before == after) & (before != 0)) / counted) if counted else 0.0


def _surely_image(path: Path, voxels: int, bytes_per_value: int) -> bool:
    """Returns whether the size of a file, or a sample of its values if they are not compressed, shows an image.

    So does a file too small for what its header promises: reading it in full would ask for that memory.
    """
    beside = companions(path)
    data = beside[0] if len(beside) == 1 else path
    size, promised = sum(file.stat().st_size for file in beside or (path,)), voxels * bytes_per_value
    if size < promised:  # compressed
        return size > BYTES_PER_VOXEL * voxels or promised > size * LARGEST_RATIO
    if data.stat().st_size < promised:  # in several files
        return False
    values = np.memmap(
        data, mode="r", dtype=f"u{bytes_per_value}", offset=data.stat().st_size - promised, shape=(voxels,)
    )
    # The byte order may be the other one: distinct values are as many either way.
    return np.unique(values[:: max(1, voxels // 100_000)]).size > MOST_LABELS
