"""Makes the scan that the page shows, from the scan as it was read and its prepared form."""

import numpy as np
from jaxtyping import Float32

from orienteer.explorer.shown import Shown
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import PreparedArrays, prepare_read, scan_step
from orienteer.scans.read import read_scan
from orienteer.scans.resample import Gridded, onto_grid
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.types import TripleMm

MOST_VOXELS = 24_000_000
"""A scan with more voxels is shown coarser: browsers on small graphics cards fail beyond, and 48 MB are sent in a moment."""

WHOLE = (-32768, 32767)
"""The range of the integers that are sent."""

PERCENTILES = (0.5, 99.5)
"""Of the values of MR: the first window."""


def prepare_and_show(
    source: ScanSource, selection: Selection, preparation: Preparation
) -> tuple[PreparedArrays, Shown]:
    """Returns a scan prepared for the model, and for a viewer. Run it apart: a damaged file may crash it.

    Raises:
        ScanError: the scan cannot be used.
    """
    with scan_step(source.name, "read"):
        scan = read_scan(source, selection)
    arrays = prepare_read(scan, preparation)
    with scan_step(source.name, "resample"):
        return arrays, show(scan, arrays)


def show(scan: Scan, arrays: PreparedArrays) -> Shown:
    """Returns a scan in the box of its prepared form, at its own voxel size.

    Args:
        scan: as it was read.
        arrays: the same, prepared.
    """
    low, high = box_mm(arrays)
    grid = _inside_box(onto_grid(scan, _spacing_mm(scan, high - low)), low, high)
    slope, intercept = _scale(grid.voxels)
    integers = np.clip(np.rint((grid.voxels - intercept) / slope), *WHOLE).astype(np.int16)
    first, last = np.percentile(grid.voxels[::3, ::3, ::3], PERCENTILES)
    return Shown(
        np.asfortranarray(integers),
        grid.spacing_mm,
        grid.origin_mm,
        slope,
        intercept,
        scan.spacing_mm,
        (float(first), float(last) if last > first else float(first) + 1.0),
    )


def box_mm(arrays: PreparedArrays) -> tuple[np.ndarray, np.ndarray]:
    """Returns the outer corners of a prepared scan in the body frame."""
    spacing = np.array(arrays.spacing_mm)
    low = np.array(arrays.origin_mm) - spacing / 2
    return low, low + np.array(arrays.voxels.shape) * spacing


def _spacing_mm(scan: Scan, size_mm: np.ndarray) -> TripleMm:
    """Returns the scan's own voxel size, enlarged where that makes too many voxels."""
    voxels = float(np.prod(size_mm / scan.spacing_mm))
    coarser = max(1.0, (voxels / MOST_VOXELS) ** (1 / 3))
    first, second, third = (length * coarser for length in scan.spacing_mm)
    return first, second, third


def _inside_box(grid: Gridded, low: np.ndarray, high: np.ndarray) -> Gridded:
    """Returns the voxels whose centres lie in a box; at least one along each axis."""
    spacing, origin = np.array(grid.spacing_mm), np.array(grid.origin_mm)
    first = np.clip(np.ceil((low - origin) / spacing - 1e-6), 0, np.array(grid.voxels.shape) - 1).astype(int)
    stop = np.clip(np.floor((high - origin) / spacing + 1e-6) + 1, first + 1, grid.voxels.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    x, y, z = (float(value) for value in origin + first * spacing)
    return Gridded(grid.voxels[box], grid.spacing_mm, (x, y, z), None)


def _scale(values: Float32[np.ndarray, "size0 size1 size2"]) -> tuple[float, float]:
    """Returns slope and intercept by which values become integers: exact for whole numbers in the range of int16."""
    low, high = float(values.min()), float(values.max())
    if low >= WHOLE[0] and high <= WHOLE[1] and high - low >= 100:  # HU, and most of MR
        return 1.0, 0.0
    slope = max((high - low) / (WHOLE[1] - WHOLE[0]), 1e-12)
    return slope, low - WHOLE[0] * slope
