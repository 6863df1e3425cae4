"""The grid of overlays, about as fine as the scan is shown, and fields of features interpolated onto it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from scipy import ndimage
from torch import Tensor

from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.types import Triple, TripleMm

MOST_CELLS = 3_000_000
"""Overlays of larger scans are coarser than the scan: each click makes and sends a new one."""

BODY_SHARE = 0.5
"""Cells of which less is body are air, where an overlay is transparent."""


@dataclass(frozen=True)
class OverlayGrid:
    """The cells of an overlay.

    Attributes:
        shape: number of cells along each axis.
        cell_mm: size of a cell.
        origin_mm: centre of cell 0 in the body frame.
    """

    shape: Triple
    cell_mm: TripleMm
    origin_mm: TripleMm


def overlay_grid(scan: OpenScan) -> OverlayGrid:
    """Returns the grid of a scan's overlays: that of the scan as it is shown, or every second, third, ... of its voxels."""
    shown = scan.shown
    step = max(1, int(np.ceil((np.prod(shown.shape_vox) / MOST_CELLS) ** (1 / 3))))
    shape0, shape1, shape2 = (-(-size // step) for size in shown.shape_vox)
    cell0, cell1, cell2 = (length * step for length in shown.spacing_mm)
    x, y, z = (at + (step - 1) / 2 * length for at, length in zip(shown.origin_mm, shown.spacing_mm, strict=True))
    return OverlayGrid((shape0, shape1, shape2), (cell0, cell1, cell2), (x, y, z))


def interpolated(
    field: Float[Tensor, "channels cells0 cells1 cells2"],
    origin_mm: Sequence[float],
    cell_mm: Sequence[float],
    grid: OverlayGrid,
) -> Float32[np.ndarray, "channels grid0 grid1 grid2"]:
    """Returns a field of cells, linearly interpolated at the cells of an overlay; constant beyond its outermost centres.

    Args:
        field: a value per cell.
        origin_mm: centre of cell 0 of the field in the body frame.
        cell_mm: size of a cell of the field.
        grid: where to interpolate.

    Example:
        >>> ramp = torch.arange(3.0).reshape(1, 3, 1, 1)
        >>> grid = OverlayGrid((4, 1, 1), (5.0, 5.0, 5.0), (-5.0, 0.0, 0.0))
        >>> interpolated(ramp, (0.0, 0.0, 0.0), (10.0, 10.0, 10.0), grid)[0, :, 0, 0].tolist()
        [0.0, 0.0, 0.5, 1.0]
    """
    out = field.float().cpu()
    for axis in range(3):
        weights = _weights(out.shape[1 + axis], origin_mm[axis], cell_mm[axis], grid, axis)
        out = torch.movedim(torch.tensordot(out, weights, dims=([1 + axis], [1])), -1, 1 + axis)
    return out.contiguous().numpy()


def filled(
    field: Float[Tensor, "channels cells0 cells1 cells2"], covered: Bool[np.ndarray, "cells0 cells1 cells2"]
) -> Float[Tensor, "channels cells0 cells1 cells2"]:
    """Returns a field whose cells without features have the values of the nearest cell with some: none leak in from air."""
    if covered.all() or not covered.any():
        return field
    nearest = torch.from_numpy(ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True))
    return field.cpu()[:, nearest[0].long(), nearest[1].long(), nearest[2].long()]


def body_cells(scan: OpenScan, features: ScanFeatures, grid: OverlayGrid) -> Bool[np.ndarray, "grid0 grid1 grid2"]:
    """Returns the cells of an overlay that show body and of which there are features."""
    voxels = torch.from_numpy(scan.body_voxels)[None].float()
    share = interpolated(voxels, scan.origin_mm, scan.spacing_mm, grid)[0]
    covered = torch.from_numpy(features.covered)[None].float()
    return np.asarray((share >= BODY_SHARE) & (interpolated(covered, *features.cell_grid(scan), grid)[0] > 0))


def _weights(cells: int, origin: float, cell: float, grid: OverlayGrid, axis: int) -> Float[Tensor, "grid cells"]:
    """Returns the share that each cell of a field has in each cell of the overlay, along one axis."""
    centres = grid.origin_mm[axis] + np.arange(grid.shape[axis]) * grid.cell_mm[axis]
    at = np.clip((centres - origin) / cell, 0, cells - 1)
    low = np.minimum(np.floor(at).astype(int), max(cells - 2, 0))
    weights = np.zeros((grid.shape[axis], cells), dtype=np.float32)
    rows = np.arange(grid.shape[axis])
    weights[rows, low] = 1 - (at - low)
    if cells > 1:
        weights[rows, low + 1] += at - low
    return torch.from_numpy(weights)
