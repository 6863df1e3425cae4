"""Coarse cubes of a whole scan, as its header states it: what the header reader sees.

A scan is seen in cubes of a few voxels that share a centre, each twice as long as the one before: the inner one shows
organs, the outer one how far the body reaches. A cube of equal sides can be turned into each of the 48 orientations without
cutting it anew.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.settings import require
from orienteer.types import TripleMm

OUTSIDE = -1.0
"""The value of voxels outside of the scan: the lowest of the range, like air."""

SMALLEST_SHARE = 0.5
"""Voxels of a coarse scan are at most this share of the finest voxels of a cube."""

Mm = Float64[np.ndarray, "3"]
"""A length or a place along each axis of the body."""


@dataclass(frozen=True)
class CubePolicy:
    """The size of the cubes."""

    extent_mm: float
    """Edge of the innermost cube, as stated."""

    levels: int = 2
    """Number of cubes, each twice as long as the one before."""

    edge_vox: int = 12
    """Edge of each cube in voxels; even, so that a cube has halves that mirroring exchanges."""

    def __post_init__(self) -> None:
        require(0 < self.extent_mm < np.inf, "extent_mm", "a length above 0 mm", self.extent_mm, "use 300.0")
        for name in ("levels", "edge_vox"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name), "use a larger number")
        require(self.edge_vox % 2 == 0, "edge_vox", "an even number", self.edge_vox, "use 12")

    @property
    def voxels_mm(self) -> tuple[float, ...]:
        """The edge of a voxel of each cube.

        Example:
            >>> CubePolicy(extent_mm=240.0).voxels_mm
            (20.0, 40.0)
        """
        return tuple(self.extent_mm * 2**level / self.edge_vox for level in range(self.levels))

    @staticmethod
    def for_extents(extents_mm: Float64[np.ndarray, "scans 3"]) -> "CubePolicy":
        """Returns the policy for scans of these sizes: the inner cube has the volume of a usual scan.

        Example:
            >>> CubePolicy.for_extents(np.array([[200.0, 100.0, 400.0]])).extent_mm
            200.0
        """
        return CubePolicy(round(float(np.median(np.exp(np.log(extents_mm).mean(1)))), 1))


@dataclass(frozen=True)
class CoarseScan:
    """A scan of few voxels, to cut cubes out of.

    Attributes:
        voxels: normalised to [-1, 1].
        spacing_mm: voxel size.
    """

    voxels: Float32[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm

    @property
    def extent_mm(self) -> Mm:
        """Its size."""
        extent: np.ndarray = np.array(self.voxels.shape) * np.array(self.spacing_mm)
        return extent


def coarse_scan(voxels: Float32[np.ndarray, "_ _ _"], spacing_mm: TripleMm, policy: CubePolicy) -> CoarseScan:
    """Returns a scan with voxels that are means of blocks, at most half as long as those of the inner cube.

    Example:
        >>> coarse_scan(np.zeros((9, 40, 40), np.float32), (2.0, 2.0, 5.0), CubePolicy(240.0)).voxels.shape
        (1, 8, 20)
    """
    for axis in range(3):
        block = max(1, int(SMALLEST_SHARE * policy.voxels_mm[0] // spacing_mm[axis]))
        block = min(block, voxels.shape[axis])
        whole = voxels.shape[axis] // block * block
        parts = np.moveaxis(voxels, axis, 0)[:whole]
        length = list(spacing_mm)
        length[axis] *= block
        voxels = np.moveaxis(parts.reshape(-1, block, *parts.shape[1:]).mean(1), 0, axis)
        spacing_mm = (length[0], length[1], length[2])
    return CoarseScan(np.ascontiguousarray(voxels, dtype=np.float32), spacing_mm)


def cut_cubes(
    scan: CoarseScan,
    policy: CubePolicy,
    factors: Mm,
    centre_mm: Mm,
    stretch: Float64[np.ndarray, "3 knots"] | None = None,
) -> Float32[np.ndarray, "levels edge edge edge"]:
    """Returns the cubes of a scan as a header with a wrong voxel size would show them.

    Args:
        scan: the scan.
        policy: sizes of the cubes.
        factors: stated over true voxel size along each axis; 1 for a sound header.
        centre_mm: the centre of the cubes, counted from that of the scan.
        stretch: log of factors by which the body is stretched along each axis, from one end of the outer cube to the other;
            none by default.
    """
    cubes = []
    for voxel_mm in policy.voxels_mm:
        values = scan.voxels - OUTSIDE
        for axis in range(3):
            stated_mm = (np.arange(policy.edge_vox) - (policy.edge_vox - 1) / 2) * voxel_mm
            knots = None if stretch is None else stretch[axis]
            true_mm = _true_mm(stated_mm, float(factors[axis]), knots, policy)
            middle = (scan.voxels.shape[axis] - 1) / 2 + centre_mm[axis] / scan.spacing_mm[axis]
            values = _resampled(values, axis, middle + true_mm / scan.spacing_mm[axis])
        cubes.append(values + OUTSIDE)
    return np.ascontiguousarray(np.stack(cubes), dtype=np.float32)


def _true_mm(
    stated_mm: Float64[np.ndarray, " edge"],
    factor: float,
    knots: Float64[np.ndarray, " knots"] | None,
    policy: CubePolicy,
) -> Float64[np.ndarray, " edge"]:
    """Returns where places along an axis really are, from where the header states them."""
    if knots is None:
        return stated_mm / factor
    reach = policy.voxels_mm[-1] * policy.edge_vox / 2
    at = np.linspace(-reach, reach, 65)
    slopes = np.exp(-np.interp(at, np.linspace(-reach, reach, len(knots)), knots)) / factor
    along = np.concatenate([[0.0], np.cumsum((slopes[1:] + slopes[:-1]) / 2 * np.diff(at))])
    return np.asarray(np.interp(stated_mm, at, along - along[32]))


def _resampled(
    values: Float32[np.ndarray, "size0 size1 size2"], axis: int, at: Float64[np.ndarray, " wanted"]
) -> Float32[np.ndarray, "_ _ _"]:
    """Returns values at places along an axis, 0 outside: linear, over a wider triangle where steps are long."""
    size = values.shape[axis]
    width = np.maximum(1.0, np.gradient(at) if len(at) > 1 else 1.0)[:, None]
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)) / width)
    reach = int(np.ceil(width.max()))
    apart = (at - np.floor(at))[:, None] - np.arange(-reach, reach + 2)
    weights /= np.maximum(0, 1 - np.abs(apart) / width).sum(
        1, keepdims=True
    )  # what reaches out of the scan counts as 0
    between: np.ndarray = np.moveaxis(np.tensordot(weights.astype(np.float32), values, axes=(1, axis)), 0, axis)
    return between
