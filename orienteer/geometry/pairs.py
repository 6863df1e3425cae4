"""Pairs of views: gaps from one to the other, distances, and the parts of each that face towards and away.

Pair quantities read left to right: ``gap[i, j]`` goes from view i to view j.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from orienteer.geometry.boxes import view_centre_vox
from orienteer.geometry.frames import add_axes, divide_axes
from orienteer.types import Triple, TripleMm

NEAR, FAR = 0, 1
"""Indices of the two parts on the ``sides`` axis."""


def gap_matrix(positions: Float[Tensor, "batch views 3"]) -> Float[Tensor, "batch views views 3"]:
    """Returns the gaps between all views of a set: ``gaps[b, i, j] = positions[b, j] - positions[b, i]``, from i to j.

    Antisymmetric, zero on the diagonal, and unchanged by a common shift. The unit is that of ``positions``.

    Example:
        >>> gap_matrix(torch.tensor([[[0.0, 0.0, 0.0], [10.0, 0.0, -5.0]]]))[0, 0, 1].tolist()
        [10.0, 0.0, -5.0]
    """
    return positions[:, None, :, :] - positions[:, :, None, :]


def distances(gaps: Float[Tensor, "*pairs 3"]) -> Float[Tensor, " *pairs"]:
    """Returns the lengths of gaps, in their unit. The gradient at a zero gap is zero, not NaN.

    Example:
        >>> distances(torch.tensor([3.0, 0.0, 4.0])).item()
        5.0
    """
    lengths: Tensor = torch.linalg.vector_norm(gaps, dim=-1)
    return lengths


def pair_index(views: int, device: torch.device | str = "cpu") -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Returns the V(V-1)/2 pairs i < j of a view set as two index tensors, so that ``gaps[:, i, j]`` selects each once.

    Example:
        >>> i, j = pair_index(3)
        >>> list(zip(i.tolist(), j.tolist()))
        [(0, 1), (0, 2), (1, 2)]
    """
    first, second = torch.triu_indices(views, views, 1, device=device)
    return first, second


def half_size_vox(size_vox: Triple) -> tuple[float, float, float]:
    """Returns the size of a near or far part: half the view on each axis, without rounding.

    Example:
        >>> half_size_vox((32, 48, 31))
        (16.0, 24.0, 15.5)
    """
    size0, size1, size2 = size_vox
    return size0 / 2, size1 / 2, size2 / 2


def near_far_centres(
    gaps_mm: Float[Tensor, "batch views views 3"], size_vox: Triple, spacing_mm: TripleMm
) -> Float[Tensor, "batch views views sides=2 3"]:
    """Returns the centres of the near and far parts of view i with respect to view j, in the voxels of view i.

    From the centre of i, walk towards j as far as a box of half the view's size stays inside view i: that is the near
    part (``[b, i, j, NEAR]``); the same way backwards gives the far part (``[b, i, j, FAR]``). The room on each side is
    a quarter of the view, and the axis that uses up its room first limits all three, so the walk stays exactly on the
    line of centres. If two views coincide there is no direction, and both parts lie at the centre of the view.

    Args:
        gaps_mm: gaps from view i to view j, mm.
        size_vox: size of a view in voxels.
        spacing_mm: voxel size in mm.

    Example:
        >>> gaps = gap_matrix(torch.tensor([[[0.0, 0.0, 0.0], [100.0, 50.0, 0.0]]]))
        >>> near_far_centres(gaps, (32, 32, 32), (1.0, 1.0, 1.0))[0, 0, 1].tolist()
        [[23.5, 19.5, 15.5], [7.5, 11.5, 15.5]]
    """
    gaps_vox = divide_axes(gaps_mm, spacing_mm)
    used = divide_axes(gaps_vox.abs(), [size / 4 for size in size_vox]).amax(dim=-1, keepdim=True)
    walk = torch.where(used > 0, gaps_vox / used, 0.0)  # the axis with the least room left over is exactly at its limit
    return add_axes(torch.stack([walk, -walk], dim=-2), view_centre_vox(size_vox))
