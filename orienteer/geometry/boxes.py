"""Boxes in voxels, the same boxes on a feature grid, and exact averages of maps inside them.

A box is its two corners, the low and the high end of the continuous interval that it covers on each axis. Nothing is
rounded: a cell that a box covers by a third counts by a third, so odd sizes lose nothing.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.geometry.frames import multiply_axes, voxel_to_cell
from orienteer.types import Triple, TripleMm

Points = Float[Tensor, "*boxes 3"]
Corners = Float[Tensor, "items boxes 3"]


def view_centre_vox(size_vox: Triple) -> tuple[float, float, float]:
    """Returns the centre of a view in its voxels: ``(size - 1) / 2`` on each axis.

    Example:
        >>> view_centre_vox((4, 5, 6))
        (1.5, 2.0, 2.5)
    """
    size0, size1, size2 = size_vox
    return (size0 - 1) / 2, (size1 - 1) / 2, (size2 - 1) / 2


def box_corners(centre: Points, size: Sequence[float | int]) -> tuple[Points, Points]:
    """Returns the low and the high corners of boxes, both ``(..., 3)``.

    Args:
        centre: centres of the boxes, ``(..., 3)``, in voxels or cells.
        size: edge lengths in the same unit, array order; fractions are allowed.

    Example:
        >>> low, high = box_corners(torch.tensor([1.5, 2.0, 2.5]), (4, 5, 6))
        >>> low.tolist(), high.tolist()
        ([-0.5, -0.5, -0.5], [3.5, 4.5, 5.5])
    """
    half = multiply_axes(torch.ones_like(centre), [edge / 2 for edge in size])
    return centre - half, centre + half


def coverage_weights(
    low: Float[Tensor, " *boxes"], high: Float[Tensor, " *boxes"], cells: int
) -> Float[Tensor, "*boxes cells"]:
    """Returns, along one axis, the fraction of each box that lies in each cell.

    Args:
        low: low ends of the boxes, in cells.
        high: high ends of the boxes, in cells; above ``low``.
        cells: number of cells of the map along this axis.

    The fractions of a box inside the map add up to 1; parts outside the map are missing from the sum.

    Example:
        >>> coverage_weights(torch.tensor([-0.5]), torch.tensor([1.0]), 3).tolist()
        [[0.6666666865348816, 0.3333333432674408, 0.0]]
    """
    centre = torch.arange(cells, device=low.device, dtype=low.dtype)
    overlap = torch.minimum(high[..., None], centre + 0.5) - torch.maximum(low[..., None], centre - 0.5)
    return overlap.clamp(min=0) / (high - low)[..., None]


def box_averages(
    maps: Float[Tensor, "items channels cells0 cells1 cells2"], low_vox: Corners, high_vox: Corners, stride: Triple
) -> Float[Tensor, "items boxes channels"]:
    """Returns the average of each map inside each of its boxes; all items and boxes in one product.

    Args:
        maps: one feature map per item, whose cells span ``stride`` voxels.
        low_vox: low corners of the boxes of each item, in the voxels of the view that the map was made from.
        high_vox: high corners.
        stride: voxels per cell on each axis.

    Example:
        >>> ramp = torch.arange(4.0).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 4, 4)
        >>> low, high = box_corners(torch.tensor([[[4.5, 3.5, 3.5]]]), (3, 3, 3))
        >>> box_averages(ramp, low, high, (2, 2, 2)).item()  # the centre of the box, in cells: (4.5 + 0.5) / 2 - 0.5
        2.0
    """
    low, high = voxel_to_cell(low_vox, stride), voxel_to_cell(high_vox, stride)
    weights = [coverage_weights(low[..., axis], high[..., axis], maps.shape[2 + axis]) for axis in range(3)]
    joint = torch.einsum("nbx,nby,nbz->nbxyz", *weights)
    return torch.einsum("ncs,nbs->nbc", maps.flatten(2), joint.flatten(2).to(maps.dtype))


def box_grids(
    maps: Float[Tensor, "items size0 size1 size2"], low_vox: Corners, high_vox: Corners, grid: int
) -> Float[Tensor, "items boxes grid grid grid"]:
    """Returns the content of each box resampled to ``grid`` cells per axis, by exact averages.

    Boxes of any size and position become comparable cell by cell.

    Args:
        maps: one volume per item, in voxels.
        low_vox: low corners of the boxes of each item.
        high_vox: high corners.
        grid: number of parts that each edge of a box is divided into.

    Example:
        >>> volume = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 4, 4)
        >>> low, high = box_corners(torch.tensor([[[1.5, 1.5, 1.5]]]), (4, 4, 4))
        >>> box_grids(volume, low, high, 2)[0, 0, :, 0, 0].tolist()
        [0.5, 2.5]
    """
    steps = torch.linspace(0, 1, grid + 1, device=maps.device)
    edges = low_vox[..., None] + (high_vox - low_vox)[..., None] * steps  # items boxes 3 grid+1
    weights = [
        coverage_weights(edges[..., axis, :-1], edges[..., axis, 1:], maps.shape[1 + axis]).to(maps.dtype)
        for axis in range(3)
    ]
    out = torch.einsum("nxyz,nbix->nbiyz", maps, weights[0])
    out = torch.einsum("nbiyz,nbjy->nbijz", out, weights[1])
    return torch.einsum("nbijz,nbkz->nbijk", out, weights[2])


def overlap_fractions(
    gaps_mm: Float[Tensor, "*pairs 3"], size_vox: Triple, spacing_mm: TripleMm
) -> Float[Tensor, " *pairs"]:
    """Returns the fraction of a view that lies in another view of the same size, 0 to 1.

    Args:
        gaps_mm: gaps between the centres of the two views, mm.
        size_vox: size of a view in voxels.
        spacing_mm: voxel size in mm.

    Example:
        >>> overlap_fractions(torch.tensor([8.0, 0.0, -4.0]), (16, 16, 16), (1.0, 1.0, 1.0)).item()
        0.375
    """
    extent_mm = torch.tensor(size_vox, device=gaps_mm.device) * torch.tensor(spacing_mm, device=gaps_mm.device)
    return (1 - gaps_mm.abs() / extent_mm).clamp(min=0).prod(dim=-1)
