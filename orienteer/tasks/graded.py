"""Graded similarity: the cosine of two places is to equal a kernel that decreases with their distance in mm.

With the sign of a difference as its only target, similarity is minimal for any code of two clusters. Here the channels are
split into groups, one per width, and the cosine of each group is regressed on a Gaussian of the distance with that width: the
granularities of arXiv 2509.05967. A Gaussian is positive definite, so that there are vectors whose cosines equal it (Rahimi and
Recht, *Random Features for Large-Scale Kernel Machines*, NIPS 2007), and no two distances have the same target.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from orienteer.draw.bands import band_curve
from orienteer.draw.palette import BASELINE, PREDICTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PairValues: TypeAlias = tuple[Float[Tensor, "batch two_places"], Float[Tensor, "batch two_places"]]
"""Cosine, and distance in mm, of each two places."""

Grouped = Float[Tensor, "batch places groups channels"]
"""One vector of length 1 per place and group."""


def kernels(
    places_mm: Float[Tensor, "batch places 3"], widths_mm: Sequence[float]
) -> Float[Tensor, "batch groups places places"]:
    """Returns ``exp(-d^2 / (2 width^2))`` of the distance ``d`` of each two places, for every width.

    Example:
        >>> kernels(torch.tensor([[[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]]]), [100.0])[0, 0, 0].tolist()
        [1.0, 0.6065306663513184]
    """
    squares = (places_mm[:, :, None] - places_mm[:, None, :]).square().sum(dim=-1)
    widths = torch.tensor(list(widths_mm), device=places_mm.device)
    return torch.exp(-squares[:, None] / (2 * widths.square())[:, None, None])


def unit_groups(
    vectors: Float[Tensor, "*items channels"], groups: int, dim: int = -1
) -> Float[Tensor, "*items channels"]:
    """Returns vectors whose groups of channels have the same length each, together 1: their cosine is the groups' mean.

    Example:
        >>> [round(value, 3) for value in unit_groups(torch.tensor([3.0, 4.0, 0.0, 0.2]), groups=2).square().tolist()]
        [0.18, 0.32, 0.0, 0.5]
    """
    split = vectors.unflatten(dim, (groups, -1))
    within = dim if dim < 0 else dim + 1
    joined: Tensor = (normalize(split, dim=within) / groups**0.5).flatten(within - 1, within)
    return joined


def graded_loss(
    vectors: Float[Tensor, "batch places channels"],
    places_mm: Float[Tensor, "batch places 3"],
    widths_mm: Sequence[float],
) -> Float[Tensor, ""]:
    """Returns the mean square of cosine minus kernel, over pairs of different places and over groups."""
    grouped: Grouped = normalize(vectors.unflatten(-1, (len(widths_mm), -1)), dim=-1)
    cosines = torch.einsum("bngc,bmgc->bgnm", grouped, grouped)
    missed = cosines - kernels(places_mm, widths_mm)  # of a place and itself both are 1
    places = places_mm.shape[1]
    return missed.square().sum(dim=(-2, -1)).mean() / (places * (places - 1))


def pair_values(
    vectors: Float[Tensor, "batch places channels"], places_mm: Float[Tensor, "batch places 3"]
) -> PairValues:
    """Returns the cosine and the distance in mm of each two places of a scan; a vector of zeros has the cosine 0."""
    unit = normalize(vectors.float(), dim=-1)
    first, second = pairs_of(places_mm.shape[1], places_mm.device)
    cosines = torch.einsum("bnc,bmc->bnm", unit, unit)[:, first, second]
    lengths: Tensor = (places_mm[:, first] - places_mm[:, second]).norm(dim=-1)
    return cosines, lengths


def rank_correlation(
    first: Float[Tensor, "batch values"], second: Float[Tensor, "batch values"]
) -> Float[Tensor, " batch"]:
    """Returns Spearman's rank correlation of each row, with mean ranks for ties; 0 where one of them is constant.

    Example:
        >>> rank_correlation(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[9.0, 5.0, 2.0]])).item()
        -1.0
    """
    a, b = (_centred_ranks(values) for values in (first, second))
    norms = (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    correlation: Tensor = (a * b).sum(-1) / norms.clamp(min=1e-9)
    return correlation.float()


def show_falloff(axes: "Axes", model: PairValues, raw: PairValues) -> None:
    """Draws how similarity falls with distance: median and quartiles of the cosine, of the model and of raw intensities."""
    for (cosines, lengths_mm), colour, name in ((raw, BASELINE, "raw intensities"), (model, PREDICTED, "model")):
        rank = rank_correlation(cosines, lengths_mm).mean().item()
        mm, values = (tensor.flatten().cpu().double().numpy() for tensor in (lengths_mm, cosines))
        band_curve(axes, mm, values, colour, f"{name}, rank correlation {rank:+.2f}")
    axes.set_ylim(-1.05, 1.05)
    axes.set_xlabel("distance of two places, mm", fontsize=9)
    axes.set_ylabel("cosine", fontsize=9)


def pairs_of(places: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns the numbers of the first and the second place of each pair."""
    first, second = torch.triu_indices(places, places, 1, device=device)
    return first, second


def _centred_ranks(values: Float[Tensor, "batch values"]) -> Float[Tensor, "batch values"]:
    ordered = values.contiguous().sort(dim=-1).values
    below = torch.searchsorted(ordered, values.contiguous())
    up_to = torch.searchsorted(ordered, values.contiguous(), right=True)
    ranks = (below + up_to).double()
    return ranks - ranks.mean(dim=-1, keepdim=True)
