"""A short description of a small copy, by which the likely neighbours of a scan are found among thousands, and odd ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64

from orienteer.screening.detail import Copy, read_copy

CELLS = 6
"""The body is described by 6 x 6 x 6 means."""

BLOCK = 256
"""Scans whose distances to all others are in memory at once."""

FOREGROUND = 25
"""Grey values of a small copy above this are body."""


def description(copy: Copy) -> Float32[np.ndarray, " numbers"]:
    """Returns a scan in a few numbers: how bright the parts of its body are, how its values spread, and how large it is."""
    path, form = copy
    voxels = read_copy(path, form.shape_vox)
    mask = voxels > FOREGROUND
    if not mask.any():
        return np.zeros(CELLS**3 + 8 + 3, np.float32)
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(mask))
    body = voxels[box].astype(np.float32)
    cells: np.ndarray = body
    for axis in range(3):
        edges = np.unique(np.linspace(0, body.shape[axis], CELLS + 1).astype(int)[:-1])
        counts = np.diff(np.append(edges, body.shape[axis]))
        cells = np.add.reduceat(cells, edges, axis=axis) / counts.reshape([-1 if a == axis else 1 for a in range(3)])
    grid = np.zeros((CELLS,) * 3, np.float32)
    grid[tuple(slice(0, size) for size in cells.shape)] = cells / 255
    spread = np.quantile(body[body > FOREGROUND], np.linspace(0.05, 0.95, 8)) / 255
    size = np.log(np.array(body.shape) * form.step_mm / 100)
    return np.concatenate([grid.reshape(-1) / CELLS**1.5 * 2, spread * 0.5, size]).astype(np.float32)


def nearest_others(
    vectors: Float32[np.ndarray, "scans numbers"], count: int
) -> tuple[Int64[np.ndarray, "scans count"], Float64[np.ndarray, "scans count"]]:
    """Returns for each scan the scans that are nearest to it, nearest first, and their distances.

    Args:
        vectors: what describes each scan.
        count: how many; at most one less than there are scans.

    Example:
        >>> nearest_others(np.array([[0], [1], [5]], np.float32), 1)[0].tolist()
        [[1], [0], [1]]
    """
    numbers = vectors.astype(np.float64)
    squares = (numbers**2).sum(1)
    count = min(count, len(numbers) - 1)
    nearest, far = [], []
    for start in range(0, len(numbers), BLOCK):  # a table of all pairs of 10,000 scans takes a gigabyte
        block = numbers[start : start + BLOCK]
        apart = np.maximum(squares[start : start + BLOCK, None] + squares - 2 * block @ numbers.T, 0)
        apart[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        order = np.argsort(apart, axis=1, kind="stable")[:, :count].copy()  # a view would keep the whole table
        nearest.append(order)
        far.append(np.sqrt(np.take_along_axis(apart, order, axis=1)))
    return np.concatenate(nearest), np.concatenate(far)


def nearest_pairs(copies: Sequence[Copy], count: int) -> list[tuple[int, int]]:
    """Returns pairs of each scan with the scans whose descriptions are nearest to its own."""
    nearest, _ = nearest_others(np.stack([description(copy) for copy in copies]), count)
    pairs = {(min(one, other), max(one, other)) for one, row in enumerate(nearest.tolist()) for other in row}
    return sorted(pairs)
