"""A small copy of a scan, at which scans are compared with each other: 1, 2 or 4 mm along the body's axes, 8 bits."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, UInt8

from orienteer.scans.resample import onto_grid
from orienteer.scans.source import Scan
from orienteer.types import TripleMm

STEPS_MM = ((120.0, 1.0), (250.0, 2.0), (np.inf, 4.0))
"""Voxel size by the longest edge of a scan: a hippocampus of 50 mm and a trunk of 500 mm both get about 100 voxels."""

CT_HU = (-250.0, 400.0)
"""Values of a CT beyond are clipped: air, and dense bone and metal, hide the rest."""

BACKGROUND = 0.02
"""Share of the range above the least value up to which a voxel is background."""


@dataclass(frozen=True)
class LowResolution:
    """A small copy of a scan.

    Attributes:
        voxels: 0 to 255 between two percentiles of its foreground.
        step_mm: edge of a voxel, the same along all axes.
        origin_mm: centre of voxel 0 in the body frame.
    """

    voxels: UInt8[np.ndarray, "size0 size1 size2"]
    step_mm: float
    origin_mm: TripleMm


def low_resolution(scan: Scan) -> LowResolution:
    """Returns a small copy of a scan.

    Example:
        >>> values = np.random.default_rng(0).random((60, 60, 30)).astype(np.float32)
        >>> scan = Scan("a", values, (5.0, 5.0, 5.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
        >>> small = low_resolution(scan)
        >>> small.step_mm, small.voxels.shape
        (4.0, (75, 75, 38))
    """
    longest = max(size * length for size, length in zip(scan.voxels.shape, scan.spacing_mm, strict=True))
    step_mm = next(step for limit, step in STEPS_MM if longest < limit)
    voxels = scan.voxels
    if scan.modality == "CT":
        voxels = np.clip(voxels, *CT_HU)
    grid = onto_grid(shrunk(replace(scan, voxels=voxels), step_mm), (step_mm, step_mm, step_mm))
    low, high = _range(grid.voxels)
    scaled = np.clip((grid.voxels - low) * (255 / (high - low)), 0, 255)
    return LowResolution(np.rint(scaled).astype(np.uint8), step_mm, grid.origin_mm)


def shrunk(scan: Scan, step_mm: float) -> Scan:
    """Returns the means of whole blocks of voxels that are together no longer than a step; much faster than smoothing."""
    factors = [max(1, int(step_mm / length + 1e-6)) for length in scan.spacing_mm]
    if factors == [1, 1, 1]:
        return scan
    sizes = [size // factor * factor for size, factor in zip(scan.voxels.shape, factors, strict=True)]
    if min(sizes) == 0:
        return scan
    sums: np.ndarray = scan.voxels[: sizes[0], : sizes[1], : sizes[2]]
    for axis, factor in enumerate(factors):
        if factor > 1:
            sums = np.add.reduceat(sums, np.arange(0, sizes[axis], factor), axis=axis)
    left, deep, high = (length * factor for length, factor in zip(scan.spacing_mm, factors, strict=True))
    corner = scan.position_mm((np.array(factors) - 1) / 2)
    voxels = np.ascontiguousarray(sums / np.float32(np.prod(factors)), dtype=np.float32)
    return replace(scan, voxels=voxels, spacing_mm=(left, deep, high), origin_mm=tuple(corner.tolist()))


def _range(voxels: Float32[np.ndarray, "size0 size1 size2"]) -> tuple[float, float]:
    lowest, highest = float(voxels.min()), float(np.quantile(voxels[::2, ::2, ::2], 0.999))
    foreground = voxels[voxels > lowest + BACKGROUND * (highest - lowest)]
    if foreground.size == 0:
        return lowest, lowest + 1.0
    low, high = np.quantile(foreground[:: max(1, foreground.size // 200_000)], (0.02, 0.995))
    low = min(float(low), lowest + 0.3 * (float(high) - lowest))  # some of the range is left for the background
    return low, max(float(high), low + 1e-6)
