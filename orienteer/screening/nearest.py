"""A short description of a small copy, by which the likely neighbours of a scan are found among thousands, and odd ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.screening.detail import Copy, read_copy

CELLS = 6
"""The body is described by 6 x 6 x 6 means."""

FOREGROUND = 25
"""Grey values of a small copy above this are body."""


def description(copy: Copy) -> Float32[np.ndarray, " numbers"]:
    """Returns a scan in a few numbers: how bright the parts of its body are, how its values spread, and how large it is."""
    path, form = copy
    voxels = read_copy(path, form.voxels.shape)
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


def distances(descriptions: Float32[np.ndarray, "scans numbers"]) -> Float64[np.ndarray, "scans scans"]:
    """Returns the distance of every description to every other one."""
    numbers = descriptions.astype(np.float64)
    squares = (numbers**2).sum(1)
    apart: Float64[np.ndarray, "scans scans"] = np.sqrt(
        np.maximum(squares[:, None] + squares - 2 * numbers @ numbers.T, 0)
    )
    return apart


def nearest_pairs(copies: Sequence[Copy], count: int) -> list[tuple[int, int]]:
    """Returns pairs of each scan with the scans whose descriptions are nearest to its own."""
    described = np.stack([description(copy) for copy in copies])
    pairs = set[tuple[int, int]]()
    for number, one in enumerate(described):  # row by row: a table of all pairs of 10,000 scans takes a gigabyte
        apart = ((described - one) ** 2).sum(1)
        for other in np.argsort(apart)[: count + 1].tolist():
            if other != number:
                pairs.add((min(number, other), max(number, other)))
    return sorted(pairs)
