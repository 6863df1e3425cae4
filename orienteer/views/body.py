"""How much of a view is body: sums over the blocks of a scan's body map, for single views and for all of them.

A sum counts 255 for a voxel of body. Within a block that is partly body all voxels count alike. Sums are exact: no
rounding decides whether a view is allowed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
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
        fits: which views, given by their first voxels and their size, are allowed beside that; None for all.
    """

    shape_vox: Triple
    body: Body
    spacing_mm: TripleMm
    name: str = "scan"
    fits: Callable[[Starts, Triple], Bool[np.ndarray, " starts"]] | None = None

    @cached_property
    def body_sums(self) -> "BlockSums":
        """Sums of how much of views is body."""
        return BlockSums(self.body.body, self.body.cell_vox)

    @cached_property
    def outside_sums(self) -> "BlockSums | None":
        """Sums of how much of views lies outside the scanned field; None if no block does."""
        return None if self.body.inside.all() else BlockSums(~self.body.inside, self.body.cell_vox)


def enough_body(starts: Starts, space: ViewSpace, size_vox: Triple, min_sum: float) -> Bool[np.ndarray, " starts"]:
    """Returns which views have a body sum of at least ``min_sum`` and touch no block outside the scanned field.

    Args:
        starts: first voxels of the views; each view lies inside the scan.
        space: the scan.
        size_vox: size of a view in voxels.
        min_sum: as `ViewPolicy.min_body_sum`.

    Example:
        >>> from types import SimpleNamespace
        >>> share = np.array([255, 0], np.uint8).reshape(2, 1, 1)
        >>> half = SimpleNamespace(body=share, inside=share >= 0, cell_vox=4)
        >>> space = ViewSpace((8, 4, 4), half, (1.0, 1.0, 1.0))
        >>> enough_body(np.array([[0, 0, 0], [2, 0, 0], [3, 0, 0]]), space, (4, 4, 4), 0.5 * 64 * 255).tolist()
        [True, True, False]
    """
    enough = space.body_sums.of_views(starts, size_vox) >= min_sum
    if space.outside_sums is not None:
        enough[enough] = space.outside_sums.of_views(starts[enough], size_vox) == 0
    if space.fits is not None:
        enough[enough] = space.fits(starts[enough], size_vox)
    return enough


TABLE_COST = 4
"""Blocks that are read for single views, per block of the scan, before a table of running sums is cheaper."""


class BlockSums:
    """Sums of the values of blocks over the voxels of views. Exact.

    They are summed block by block for the first few views; for many, a table of running sums is made once, in which every view
    takes 64 numbers.

    Args:
        values: of the blocks; whole numbers of 0 to 255.
        cell_vox: edge of a block in voxels.
    """

    def __init__(self, values: np.ndarray, cell_vox: int) -> None:
        self._values, self._cell, self._read = values, cell_vox, 0

    def of_views(self, starts: Starts, size_vox: Triple) -> Float64[np.ndarray, " starts"]:
        """Returns the sum for each view.

        Args:
            starts: first voxels of the views.
            size_vox: their size in voxels.
        """
        windows = [(size + self._cell - 2) // self._cell + 1 for size in size_vox]
        self._read += len(starts) * math.prod(windows)
        if self._read > TABLE_COST * self._values.size:
            return _table_sums(self._table, starts, size_vox, self._cell)
        shape = self._values.shape
        return _window_sums(
            self._values,
            [_covered(starts[:, axis], size_vox[axis], self._cell, shape[axis]) for axis in range(3)],
        )

    @cached_property
    def _table(self) -> Float64[np.ndarray, "corners0 corners1 corners2"]:
        """Sums over all blocks before each corner of a block."""
        table = np.zeros([size + 1 for size in self._values.shape])
        table[1:, 1:, 1:] = self._values
        for axis in range(3):
            np.cumsum(table, axis=axis, out=table)
        return table


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


def _table_sums(
    table: Float64[np.ndarray, "corners0 corners1 corners2"], starts: Starts, size_vox: Triple, cell: int
) -> Float64[np.ndarray, " starts"]:
    """Returns what `_window_sums` returns, from running sums.

    Between two corners of blocks running sums are linear along each axis. They are multiplied by the edge of a block, so that
    all numbers are whole, below 2**53.
    """
    (i0, w0), (i1, w1), (i2, w2) = (
        _ends(starts[:, axis], size_vox[axis], cell, table.shape[axis] - 1) for axis in range(3)
    )
    corners = table[i0[:, :, None, None], i1[:, None, :, None], i2[:, None, None, :]]  # (starts, 4, 4, 4)
    lines = corners.reshape(len(starts), 16, 4) @ w2[:, :, None]
    planes = lines.reshape(len(starts), 4, 4) @ w1[:, :, None]
    sums: np.ndarray = (planes[:, :, 0] * w0).sum(1)
    return sums


def _ends(
    starts: Int64[np.ndarray, " starts"], size: int, cell: int, blocks: int
) -> tuple[Int64[np.ndarray, "starts 4"], Float64[np.ndarray, "starts 4"]]:
    """Returns the corners of blocks around both ends of views along one axis, and the weights of the running sums there."""
    ends = np.stack([starts, starts + size], 1)
    index = ends // cell
    beyond = ends - index * cell
    index = np.stack([index, index + 1], 2).reshape(-1, 4)
    weights = np.stack([cell - beyond, beyond], 2) * np.array([-1.0, 1.0])[:, None]
    return np.minimum(index, blocks), weights.reshape(-1, 4)


def _running_sums(values: np.ndarray, axis: int, shape_vox: Triple, size_vox: Triple, cell: int) -> np.ndarray:
    """Returns the sums over all runs of ``size_vox[axis]`` voxels along one axis that is still in blocks."""
    values = np.moveaxis(values, axis, 0)
    voxels = np.repeat(values, cell, axis=0)[: shape_vox[axis]].astype(np.int64)
    sums = np.concatenate([np.zeros_like(voxels[:1]), np.cumsum(voxels, axis=0)])
    size = size_vox[axis]
    return np.moveaxis(sums[size:] - sums[:-size], 0, axis)
