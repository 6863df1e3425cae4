"""Conversions between frames: voxels and millimetres, voxels and the cells of a feature map, for oblique scans too.

All positions are continuous: the centre of voxel 0 is 0.0 and its edges are -0.5 and 0.5; likewise for cells.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.types import Triple, TripleMm

Points = Float[Tensor, "*points 3"]
Axes = Float[Tensor, "3 3"]


def voxel_to_mm(
    points_vox: Points, spacing_mm: Sequence[float | int], origin_mm: Sequence[float], axes: Axes | None = None
) -> Points:
    """Returns the body-frame positions of points of an array, in mm.

    Args:
        points_vox: continuous voxel positions, ``(..., 3)``, array order.
        spacing_mm: voxel size along each array axis, mm.
        origin_mm: body-frame position of the centre of voxel 0, mm.
        axes: column a is the unit vector along which array axis a grows; None for an axis-aligned scan.

    Example:
        >>> voxel_to_mm(torch.tensor([2.0, 0.0, 1.0]), (1.0, 1.0, 5.0), (-10.0, 0.0, 0.0)).tolist()
        [-8.0, 0.0, 5.0]
    """
    along_mm = multiply_axes(points_vox, spacing_mm)
    if axes is not None:
        along_mm = along_mm @ axes.T.to(along_mm)
    return add_axes(along_mm, origin_mm)


def mm_to_voxel(
    points_mm: Points, spacing_mm: Sequence[float | int], origin_mm: Sequence[float], axes: Axes | None = None
) -> Points:
    """Returns the continuous voxel positions of body-frame points; the inverse of `voxel_to_mm`.

    Args:
        points_mm: body-frame positions in mm, ``(..., 3)``.
        spacing_mm: voxel size along each array axis, mm.
        origin_mm: body-frame position of the centre of voxel 0, mm.
        axes: as in `voxel_to_mm`; they need not be orthogonal, so sheared grids are allowed.

    Example:
        >>> mm_to_voxel(torch.tensor([-8.0, 0.0, 5.0]), (1.0, 1.0, 5.0), (-10.0, 0.0, 0.0)).tolist()
        [2.0, 0.0, 1.0]
    """
    along_mm = add_axes(points_mm, [-origin for origin in origin_mm])
    if axes is not None:
        along_mm = along_mm @ torch.linalg.inv(axes).T.to(along_mm)
    return divide_axes(along_mm, spacing_mm)


def voxel_to_cell(points_vox: Points, stride: Triple) -> Points:
    """Returns positions on a feature grid whose cells span ``stride`` voxels each, starting at the view's edge.

    Cell 0 covers voxels 0 to ``stride - 1``, so its centre is voxel ``(stride - 1) / 2``. For networks that pad strided
    convolutions on one side this is off by up to half a voxel; no grid is right for all networks.

    Example:
        >>> voxel_to_cell(torch.tensor([1.5, -0.5, 5.5]), (4, 4, 4)).tolist()
        [0.0, -0.5, 1.0]
    """
    return divide_axes(points_vox + 0.5, stride) - 0.5


def cell_to_voxel(points_cell: Points, stride: Triple) -> Points:
    """Returns voxel positions of points on a feature grid; the inverse of `voxel_to_cell`.

    Example:
        >>> cell_to_voxel(torch.tensor([0.0, -0.5, 1.0]), (4, 4, 4)).tolist()
        [1.5, -0.5, 5.5]
    """
    return multiply_axes(points_cell + 0.5, stride) - 0.5


def cell_offsets_mm(size_vox: Triple, stride: Triple, spacing_mm: TripleMm) -> Float[Tensor, "3 cells0 cells1 cells2"]:
    """Returns the centres of a feature map's cells relative to the centre of the view, in mm.

    Args:
        size_vox: size of the view in voxels.
        stride: voxels per cell on each axis.
        spacing_mm: voxel size in mm.

    Example:
        >>> cell_offsets_mm((8, 4, 4), (4, 4, 4), (1.5, 2.0, 2.0)).flatten(1).tolist()
        [[-3.0, 3.0], [0.0, 0.0], [0.0, 0.0]]
    """
    along = [  # a table of numbers, also where a network is built without memory
        ((torch.arange(size // step, device="cpu") + 0.5) * step - size / 2) * spacing
        for size, step, spacing in zip(size_vox, stride, spacing_mm, strict=True)
    ]
    return torch.stack(torch.meshgrid(*along, indexing="ij"))


def divide_axes(points: Points, lengths: Sequence[float | int]) -> Points:
    """Returns ``points`` divided by one length per axis.

    The lengths are Python numbers: a small tensor of them would have to be copied to the device in every step.

    Example:
        >>> divide_axes(torch.tensor([2.0, 4.0, 6.0]), (1, 2, 3)).tolist()
        [2.0, 2.0, 2.0]
    """
    return torch.stack([points[..., axis] / lengths[axis] for axis in range(3)], dim=-1)


def multiply_axes(points: Points, lengths: Sequence[float | int]) -> Points:
    """Returns ``points`` multiplied by one length per axis; the inverse of `divide_axes`."""
    return torch.stack([points[..., axis] * lengths[axis] for axis in range(3)], dim=-1)


def add_axes(points: Points, offsets: Sequence[float | int]) -> Points:
    """Returns ``points`` moved by one offset per axis."""
    return torch.stack([points[..., axis] + offsets[axis] for axis in range(3)], dim=-1)
