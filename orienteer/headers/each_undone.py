"""A linear layer applied to cubes with each of the 48 orientations undone, at an eighth of the cost of turning them.

A cube is a sum of eight parts, each of which is even or odd along each axis (its values stay, or change their sign, when the
axis is mirrored). A linear layer answers to a mirrored cube with the same eight answers, some of them with the other sign: they
are computed once, and each needs an eighth of the voxels.
"""

from functools import lru_cache
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.geometry.orientations import MIRRORINGS, ORIENTATIONS


def linear_of_each_undone(
    cubes: Float[Tensor, "scans levels edge edge edge"],
    weight: Float[Tensor, "width inputs"],
    bias: Float[Tensor, " width"],
) -> Float[Tensor, "scans 48 width"]:
    """Returns what a linear layer makes of cubes with each of ``ORIENTATIONS`` undone.

    Args:
        cubes: their edge is even.
        weight: of the layer; its inputs are the voxels of all levels.
        bias: of the layer.

    Example:
        >>> cubes, weight, bias = torch.randn(1, 1, 4, 4, 4), torch.randn(5, 64), torch.randn(5)
        >>> last = ORIENTATIONS[47].inverse.of_tensor(cubes).flatten(1)
        >>> torch.allclose(linear_of_each_undone(cubes, weight, bias)[:, 47], last @ weight.T + bias, atol=1e-5)
        True
    """
    parts = _even_and_odd(cubes)
    swapped = torch.stack([parts.permute(0, 1, *(2 + axis for axis in order)) for order in _orders()], 1)
    weights = _even_and_odd(weight.view(-1, *cubes.shape[1:])) / len(_PARITIES)
    answers = torch.bmm(_by_parity(swapped.flatten(0, 1)), _by_parity(weights).transpose(1, 2))
    answers = answers.unflatten(1, swapped.shape[:2])  # (parities, scans, orders, width)
    each = torch.einsum("osp,pnow->nosw", _signs().to(answers), answers)
    return each.flatten(1, 2) + bias


_PARITIES = tuple(product((0, 1), repeat=3))
"""Even (0) or odd (1) along each axis."""


def _even_and_odd(cubes: Float[Tensor, "*any edge edge edge"]) -> Float[Tensor, "*any edge edge edge"]:
    """Returns, along each axis, the sums of the voxels that mirroring exchanges, and then their differences."""
    edge = cubes.shape[-1]
    sums = _sums_and_differences(edge).to(cubes)
    rows = cubes.reshape(-1, edge) @ sums.T
    planes = sums @ rows.view(-1, edge, edge)
    return (sums @ planes.view(-1, edge, edge**2)).view(cubes.shape)


@lru_cache(maxsize=8)
def _sums_and_differences(edge: int) -> Float[Tensor, "edge edge"]:
    """Returns the matrix that makes of voxels the sums of those that mirroring exchanges, and then their differences."""
    half = torch.eye(edge)[: edge // 2]
    return torch.cat([half + half.flip(1), half - half.flip(1)])


def _by_parity(cubes: Float[Tensor, "cubes levels edge edge edge"]) -> Float[Tensor, "8 cubes voxels"]:
    """Returns the eighths of cubes, in the order of ``_PARITIES``, with their voxels in one row."""
    half = cubes.shape[-1] // 2
    eighths = cubes.unflatten(-1, (2, half)).unflatten(-3, (2, half)).unflatten(-5, (2, half))
    return eighths.permute(2, 4, 6, 0, 1, 3, 5, 7).flatten(4).flatten(0, 2).flatten(2)


@lru_cache(maxsize=1)
def _orders() -> tuple[tuple[int, ...], ...]:
    """Returns the order of axes that undoes each permutation of axes among ``ORIENTATIONS``."""
    return tuple(turn.inverse.axes for turn in ORIENTATIONS[::MIRRORINGS])


@lru_cache(maxsize=1)
def _signs() -> Float[Tensor, "orders mirrorings parities"]:
    """Returns the sign that the answer to each part has in each orientation: a mirrored odd part changes it."""
    signs = torch.ones(len(_orders()), MIRRORINGS, len(_PARITIES))
    for number, turn in enumerate(ORIENTATIONS):
        order, mirroring = divmod(number, MIRRORINGS)
        for part, parity in enumerate(_PARITIES):
            mirrored_odd = sum(parity[turn.inverse.axes.index(axis)] for axis in range(3) if turn.signs[axis] < 0)
            signs[order, mirroring, part] = (-1) ** mirrored_odd
    return signs
