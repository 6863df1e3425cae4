"""How much of a view is body: sums over the blocks of a scan's body map, for single views and for all of them.

A sum counts 255 for a voxel of body. Within a block that is partly body all voxels count alike. Sums are exact: no
rounding decides whether a view is allowed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from orienteer.types import Triple, TripleMm

Starts = Int64[np.ndarray, "starts 3"]
"""First voxels of views, array order."""


@runtime_checkable
class Body(Protocol):
    """What is known about a scan in blocks: `orienteer.store.store.BodyMap` is one."""

    @property
    def body(self) -> UInt8[np.ndarray, "blocks0 blocks1 blocks2"]:
        """Fraction of each block's voxels that is body, 0..255 for none..all."""

    @property
    def inside(self) -> Bool[np.ndarray, "blocks0 blocks1 blocks2"]:
        """Whether the block lies wholly inside the scanned field."""

    @property
    def cell_vox(self) -> int:
        """Edge of a block in voxels; the last block of an axis may be shorter."""


@dataclass(frozen=True)
class ViewSpace:
    """What views are drawn in: a scan, or a warped one.

    Attributes:
        shape_vox: its size in voxels.
        body: its blocks, over the same voxels.
        spacing_mm: voxel size in mm.
        name: its name in errors.
    """

    shape_vox: Triple
    body: Body
    spacing_mm: TripleMm
    name: str = "scan"


def enough_body(starts: Starts, body: Body, size_vox: Triple, min_sum: float) -> Bool[np.ndarray, " starts"]:
    """Returns which views have a body sum of at least ``min_sum`` and touch no block outside the scanned field.

    Args:
        starts: first voxels of the views; each view lies inside the scan.
        body: the scan's blocks.
        size_vox: size of a view in voxels.
        min_sum: as `ViewPolicy.min_body_sum`.

    Example:
        >>> from types import SimpleNamespace
        >>> share = np.array([255, 0], np.uint8).reshape(2, 1, 1)
        >>> half = SimpleNamespace(body=share, inside=share >= 0, cell_vox=4)
        >>> enough_body(np.array([[0, 0, 0], [2, 0, 0], [3, 0, 0]]), half, (4, 4, 4), 0.5 * 64 * 255).tolist()
        [True, True, False]
    """
    covered = [_covered(starts[:, axis], size_vox[axis], body.cell_vox, body.body.shape[axis]) for axis in range(3)]
    enough = _window_sums(body.body, covered) >= min_sum
    if not body.inside.all():
        enough &= _window_sums(~body.inside, covered) == 0
    return enough


_SLAB = 16
"""Start positions of axis 0 that are processed together; bounds the memory of a search."""


def body_sums_everywhere(
    shape_vox: Triple, body: Body, size_vox: Triple
) -> Iterator[tuple[int, Int64[np.ndarray, "_ starts1 starts2"]]]:
    """Yields the body sums of views at all starts, -1 where a view touches a block outside the scanned field.

    Yields:
        The first start on axis 0, and the sums ``(starts0, starts1, starts2)`` from there on, one slab after the other.
    """
    outside = None if body.inside.all() else ~body.inside
    bodies = _running_sums(body.body, 0, shape_vox, size_vox, body.cell_vox)
    outsides = None if outside is None else _running_sums(outside, 0, shape_vox, size_vox, body.cell_vox)
    for first in range(0, len(bodies), _SLAB):
        totals = bodies[first : first + _SLAB]
        for axis in (1, 2):
            totals = _running_sums(totals, axis, shape_vox, size_vox, body.cell_vox)
        if outsides is not None:
            touched = outsides[first : first + _SLAB]
            for axis in (1, 2):
                touched = _running_sums(touched, axis, shape_vox, size_vox, body.cell_vox)
            totals[touched > 0] = -1
        yield first, totals


def _covered(
    starts: Int64[np.ndarray, " starts"], size: int, cell: int, blocks: int
) -> tuple[Int64[np.ndarray, "starts window"], Int64[np.ndarray, "starts window"]]:
    """Returns, per start, the blocks of one axis that a view may touch and how many of its voxels lie in each."""
    window = min((size + cell - 2) // cell + 1, blocks)
    index = (starts // cell)[:, None] + np.arange(window)  # (starts, window)
    low, high = index * cell, (index + 1) * cell
    voxels = np.minimum(starts[:, None] + size, high) - np.maximum(starts[:, None], low)
    # Blocks past the end weigh nothing; their index only has to be a valid one.
    return np.minimum(index, blocks - 1), np.maximum(voxels, 0)


def _window_sums(values: np.ndarray, covered: list[tuple[np.ndarray, np.ndarray]]) -> Float64[np.ndarray, " starts"]:
    """Returns, per start, the sum over the view's voxels of the value of the block that each lies in. Exact."""
    (i0, w0), (i1, w1), (i2, w2) = covered
    window = values[i0[:, :, None, None], i1[:, None, :, None], i2[:, None, None, :]]  # (starts, k0, k1, k2)
    starts, k0, k1, k2 = window.shape
    # Whole numbers far below 2**24 along one axis and below 2**53 in all, so that no rounding decides.
    lines = window.reshape(starts, k0 * k1, k2).astype(np.float32) @ w2[:, :, None].astype(np.float32)
    planes = lines.reshape(starts, k0, k1).astype(np.float64) @ w1[:, :, None]
    sums: np.ndarray = (planes[:, :, 0] * w0).sum(1)
    return sums


def _running_sums(values: np.ndarray, axis: int, shape_vox: Triple, size_vox: Triple, cell: int) -> np.ndarray:
    """Returns the sums over all runs of ``size_vox[axis]`` voxels along one axis that is still in blocks."""
    values = np.moveaxis(values, axis, 0)
    voxels = np.repeat(values, cell, axis=0)[: shape_vox[axis]].astype(np.int64)
    sums = np.concatenate([np.zeros_like(voxels[:1]), np.cumsum(voxels, axis=0)])
    size = size_vox[axis]
    return np.moveaxis(sums[size:] - sums[:-size], 0, axis)
