"""Covering a scan with views: where they start, which of them show a place, and values read off their feature maps.

Pure functions. An encoder sees views of the size that it was trained on, never a whole scan: its norms and position embeddings
depend on that size. A scan is covered with a fixed grid of views, so that the same scan always gives the same numbers. A scan
smaller than a view is placed in the centre of one.
"""

from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from orienteer.errors import InputError
from orienteer.scans.body import BodyMap
from orienteer.types import Triple

LEAST_BODY = 0.3
"""Least share of a view that is body, as in pretraining."""

Starts = Int64[np.ndarray, "views 3"]
"""The first voxel of each view, in voxels of the prepared scan; below 0 where a scan is smaller than a view."""


def grid_starts(shape_vox: Triple, view_size: Triple, overlap: float) -> tuple[Int64[np.ndarray, " starts"], ...]:
    """Returns, per axis, the first voxels of the fewest evenly spread views that cover the scan.

    Args:
        overlap: least share of a view that the next one on an axis covers again, 0 to 0.9.

    Example:
        >>> [starts.tolist() for starts in grid_starts((40, 32, 20), (16, 32, 32), overlap=0.0)]
        [[0, 12, 24], [0], [-6]]
    """
    if not 0 <= overlap <= 0.9:
        raise InputError("overlap", wanted="a share from 0 to 0.9", got=str(overlap), do="use 0.5")
    per_axis = []
    for length, size in zip(shape_vox, view_size, strict=True):
        if length <= size:
            per_axis.append(np.array([-((size - length) // 2)], np.int64))
            continue
        count = int(np.ceil((length - size) / (size * (1 - overlap)) - 1e-9)) + 1
        per_axis.append(np.rint(np.linspace(0, length - size, count)).astype(np.int64))
    return tuple(per_axis)


def body_grid(shape_vox: Triple, body: BodyMap, view_size: Triple, overlap: float = 0.0) -> Starts:
    """Returns the first voxels of those views of the grid that hold enough body and are wholly inside the scanned field.

    If there is none, the view with the most body represents the scan.
    """
    per_axis = grid_starts(shape_vox, view_size, overlap)
    covered = [
        _covered_blocks(starts, size, length, body.cell_vox)
        for starts, size, length in zip(per_axis, view_size, shape_vox, strict=True)
    ]
    share = np.einsum("ai,bj,ck,ijk->abc", *covered, body.body / 255) / np.prod(view_size)
    outside = np.einsum("ai,bj,ck,ijk->abc", *covered, (~body.inside).astype(float))
    least = min(LEAST_BODY, LEAST_BODY * float(np.prod(np.minimum(shape_vox, view_size)) / np.prod(view_size)))
    chosen = np.argwhere((share >= least) & (outside == 0))
    if len(chosen) == 0:
        chosen = np.array([np.unravel_index(np.argmax(share - outside), share.shape)])
    return np.stack([per_axis[axis][chosen[:, axis]] for axis in range(3)], axis=1)


def mean_over_scan(
    level: Float[Tensor, "views channels cells0 cells1 cells2"], starts: Starts, shape_vox: Triple, view_size: Triple
) -> Float32[np.ndarray, "views channels"]:
    """Returns the mean over each view's cells, each weighted by the share of its voxels inside the scan."""
    weights = []
    for axis in range(3):
        cells = level.shape[2 + axis]
        at = starts[:, axis, None] + np.arange(view_size[axis])  # (views, voxels)
        within = ((at >= 0) & (at < shape_vox[axis])).astype(np.float32)
        share = rearrange(within, "views (cells voxels) -> views cells voxels", cells=cells).mean(-1)
        weights.append(torch.from_numpy(share / share.sum(1, keepdims=True)).to(level.device))
    return torch.einsum("vcijk,vi,vj,vk->vc", level.float(), *weights).cpu().numpy()


class SeenPoints(NamedTuple):
    """Which places a view shows.

    Attributes:
        rows: numbers of the places.
        weights: how near each is to the centre of the view: 1 in the centre, falling linearly on each axis to 0 just
            outside, multiplied over the axes.
    """

    rows: Int64[np.ndarray, " seen"]
    weights: Float32[np.ndarray, " seen"]


def views_of_points(
    points_vox: Float64[np.ndarray, "points 3"], shape_vox: Triple, view_size: Triple, overlap: float
) -> tuple[Starts, list[SeenPoints]]:
    """Returns the first voxels of the views of the grid that show any of the places, and which places each view shows."""
    per_axis = grid_starts(shape_vox, view_size, overlap)
    nearness = [
        np.maximum(0, 1 - np.abs(points_vox[:, axis, None] - starts - (size - 1) / 2) / ((size + 1) / 2))
        for axis, (starts, size) in enumerate(zip(per_axis, view_size, strict=True))
    ]
    starts, seen = [], []
    for i, j, k in np.ndindex(*(len(axis) for axis in per_axis)):
        weights = nearness[0][:, i] * nearness[1][:, j] * nearness[2][:, k]
        rows = np.flatnonzero(weights)
        if len(rows):
            starts.append((per_axis[0][i], per_axis[1][j], per_axis[2][k]))
            seen.append(SeenPoints(rows, weights[rows].astype(np.float32)))
    return np.array(starts, np.int64).reshape(-1, 3), seen


def interpolated(
    levels: list[Float[Tensor, "_ _ _ _"]], local_vox: Float64[np.ndarray, "points 3"], view_size: Triple
) -> Float32[np.ndarray, "points channels"]:
    """Returns the features of all levels of one view, side by side, at places inside it, interpolated linearly.

    Args:
        levels: feature maps of the view, ``(channels, cells0, cells1, cells2)`` each.
        local_vox: places in voxels of the view.
    """
    # A view of n voxels spans [-0.5, n - 0.5]; grid_sample calls its faces -1 and 1 and wants the last axis first.
    faces = (2 * local_vox + 1) / np.array(view_size) - 1
    grid = torch.from_numpy(faces[:, ::-1].astype(np.float32)).to(levels[0].device)[None, None, None]
    columns = [
        functional.grid_sample(level.float()[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
        for level in levels
    ]
    rows = [rearrange(column, "1 channels 1 1 points -> points channels") for column in columns]
    return torch.cat(rows, 1).cpu().numpy()


def _covered_blocks(
    starts: Int64[np.ndarray, " starts"], size: int, length: int, cell: int
) -> Float64[np.ndarray, "starts blocks"]:
    """Returns how many voxels of each block of one axis a view from each start covers."""
    low = np.arange(-(-length // cell)) * cell
    high = np.minimum(low + cell, length)
    overlap = np.minimum(starts[:, None] + size, high) - np.maximum(starts[:, None], low)
    covered: Float64[np.ndarray, "starts blocks"] = np.maximum(overlap, 0).astype(float)
    return covered
