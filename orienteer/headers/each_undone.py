"""A linear layer of cubes with each of the 48 orientations undone, at an eighth of the cost of turning them.

A cube is a sum of eight parts, each of which is even or odd along each axis (its values stay, or change their sign, when the
axis is mirrored). A linear layer answers to a mirrored cube with the same eight answers, some of them with the other sign: they
are computed once, and each needs an eighth of the voxels. The weights are kept in these parts, which is another orthogonal
basis.
"""

from functools import lru_cache
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.geometry.orientations import MIRRORINGS, ORIENTATIONS


class EachUndone(nn.Module):
    """A linear layer of the voxels of cubes, applied with each of ``ORIENTATIONS`` undone.

    Args:
        levels: cubes of a scan.
        edge_vox: their edge, even.
        width: numbers that it returns.

    Example:
        >>> EachUndone(levels=1, edge_vox=4, width=5)(torch.randn(2, 1, 4, 4, 4)).shape
        torch.Size([2, 48, 5])
    """

    def __init__(self, levels: int, edge_vox: int, width: int) -> None:
        super().__init__()
        plain = nn.Linear(levels * edge_vox**3, width)
        self._cube = (levels, edge_vox, edge_vox, edge_vox)
        self.parts = nn.Parameter(self.in_parts(plain.weight.detach()))
        self.bias = nn.Parameter(plain.bias.detach())
        self.register_load_state_dict_pre_hook(_take_plain_weight)  # type: ignore[no-untyped-call]

    def forward(self, cubes: Float[Tensor, "scans levels edge edge edge"]) -> Float[Tensor, "scans 48 width"]:
        """Returns the answers of the layer to each cube."""
        changed = _even_and_odd(cubes)
        swapped = torch.stack([changed.permute(0, 1, *(2 + axis for axis in order)) for order in _orders()], 1)
        answers = torch.bmm(_by_parity(swapped.flatten(0, 1)), self.parts)
        answers = answers.unflatten(1, swapped.shape[:2])  # (parities, scans, orders, width)
        each = torch.einsum("osp,pnow->nosw", _signs().to(answers), answers)
        return each.flatten(1, 2) + self.bias

    def in_parts(self, weight: Float[Tensor, "width inputs"]) -> Float[Tensor, "8 voxels width"]:
        """Returns the weights of a `torch.nn.Linear` as this layer keeps them."""
        return _by_parity(_even_and_odd(weight.view(-1, *self._cube))).transpose(1, 2).contiguous()


_PARITIES = tuple(product((0, 1), repeat=3))
"""Even (0) or odd (1) along each axis."""


def _take_plain_weight(layer: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Puts the weights of a `torch.nn.Linear`, which runs of earlier versions have, into the form of the layer."""
    weight = state.pop(f"{prefix}weight", None)
    if weight is not None:
        assert isinstance(layer, EachUndone)
        state[f"{prefix}parts"] = layer.in_parts(weight)


def _even_and_odd(cubes: Float[Tensor, "*any edge edge edge"]) -> Float[Tensor, "*any edge edge edge"]:
    """Returns, along each axis, the even part of the voxels in the first half, and the odd part in the second."""
    edge = cubes.shape[-1]
    basis = _basis(edge).to(cubes)
    rows = cubes.reshape(-1, edge) @ basis.T
    planes = basis @ rows.view(-1, edge, edge)
    changed: Tensor = (basis @ planes.view(-1, edge, edge**2)).view(cubes.shape)
    return changed


@lru_cache(maxsize=8)
def _basis(edge: int) -> Float[Tensor, "edge edge"]:
    """Returns the orthogonal matrix of the sums of voxels that mirroring exchanges, and then of their differences."""
    half = torch.eye(edge, dtype=torch.float64)[: edge // 2] * 0.5**0.5
    return torch.cat([half + half.flip(1), half - half.flip(1)])


def _by_parity(cubes: Float[Tensor, "cubes levels edge edge edge"]) -> Float[Tensor, "8 cubes voxels"]:
    """Returns the eighths of cubes, in the order of ``_PARITIES``, with their voxels in one row."""
    half = cubes.shape[-1] // 2
    eighths: Tensor = cubes.unflatten(-1, (2, half)).unflatten(-3, (2, half)).unflatten(-5, (2, half))
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
