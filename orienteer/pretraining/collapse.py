"""Whether the encoder and the heads still tell views apart: figures on held-out views, and words where they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float64
from torch import Tensor

from orienteer.types import FeatureMap

LEAST_VIEWS = 8
"""Fewer held-out views than this cannot show a collapse: nothing is warned of."""

LEAST_SPREAD = 1e-4
"""Below it the views' vectors differ by less than 1 % of their length: they are all the same."""

PREDICTIONS = "prediction_spread_"
"""Begins the names of the figures of `prediction_spread`; the task's name ends them."""

LEAST_RANK = 1.5
"""Below it the views' vectors differ along little more than one line."""


class Embeddings:
    """Adds up one vector per held-out view: the mean of the encoder's last level over its cells.

    Only sums are kept, so that several processes can add theirs.

    Args:
        scans: keys of all held-out scans, the same on every process.
        channels: of the encoder's last level.

    Example:
        >>> embeddings = Embeddings(["a", "b"], channels=4)
        >>> embeddings.add(torch.eye(4).reshape(2, 2, 4, 1, 1, 1), ("a", "b"))
        >>> {key: round(value, 2) for key, value in embeddings.figures(embeddings.sums()).items()}
        {'embedding_rank': 3.0, 'embedding_spread': 0.75, 'embedding_cosine': 0.0}
    """

    def __init__(self, scans: Sequence[str], channels: int) -> None:
        self._rows = {scan: row for row, scan in enumerate(scans)}
        self._counts = torch.zeros(len(scans), dtype=torch.float64)
        self._directions = torch.zeros(len(scans), channels, dtype=torch.float64)
        self._total = torch.zeros(channels, dtype=torch.float64)
        self._products = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, last_level: FeatureMap, scans: Sequence[str]) -> None:
        """Adds the views of one batch, and the scan of each view set."""
        vectors = last_level.double().mean(dim=(3, 4, 5)).cpu()  # (batch, views, channels)
        rows = torch.tensor([self._rows[scan] for scan in scans])
        units = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        self._directions.index_add_(0, rows, units.sum(1))
        self._counts.index_add_(0, rows, torch.full((len(scans),), float(vectors.shape[1])).double())
        flat = rearrange(vectors, "batch views channels -> (batch views) channels")
        self._total += flat.sum(0)
        self._products += flat.T @ flat

    def sums(self) -> Float64[Tensor, " sums"]:
        """Returns all sums in one row, to be added over processes."""
        return torch.cat([self._counts, self._directions.flatten(), self._total, self._products.flatten()])

    def figures(self, sums: Float64[Tensor, " sums"]) -> dict[str, float]:
        """Returns the figures behind `sums`.

        ``embedding_rank``: how many directions the vectors differ along, the exponential of the entropy of their
        covariance's normalised eigenvalues (Roy and Vetterli 2007). ``embedding_spread``: their variance as a share of
        their mean squared length, 0 to 1. ``embedding_cosine``: mean cosine between views of different scans, nothing
        subtracted; left out where only one scan is held out. Nothing at all where a vector is not finite: that is no
        collapse, and the loss will say it.
        """
        if not torch.isfinite(sums).all():
            return {}
        scans, channels = self._directions.shape
        counts, directions, total, products = sums.split([scans, scans * channels, channels, channels**2])
        views = counts.sum()
        mean = total / views
        products = products.reshape(channels, channels) / views
        mean_square = products.trace()
        spread = (1 - mean @ mean / mean_square).clamp(0, 1) if mean_square > 0 else 0.0  # all zero: all the same
        figures = {
            "embedding_rank": _effective_rank(products - torch.outer(mean, mean), mean_square),
            "embedding_spread": float(spread),
        }
        pairs = views**2 - (counts**2).sum()
        if pairs > 0:
            directions = directions.reshape(scans, channels)
            alike = directions.sum(0).square().sum() - directions.square().sum()
            figures["embedding_cosine"] = float(alike / pairs)
        return figures


def prediction_spread(prediction: Any) -> Float64[Tensor, ""]:
    """Returns how much of a prediction differs between the views of a set: its variance as a share of its mean square.

    Args:
        prediction: a dataclass of tensors whose first two axes are the batch and the views (or pairs of them). The mean
            over its tensors and the batch is returned; 0 where all views get the same.

    Example:
        >>> from dataclasses import make_dataclass
        >>> told = make_dataclass("Told", ["places"])
        >>> [round(prediction_spread(told(places)).item(), 3) for places in (torch.ones(2, 3, 3), torch.eye(4)[None])]
        [0.0, 0.75]
    """
    values = [getattr(prediction, item.name) for item in fields(prediction)]
    found = []
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point() and value.ndim >= 2:
            each = value.detach().double().flatten(2) if value.ndim > 2 else value.detach().double()[..., None]
            mean_square = each.square().mean(dim=(1, 2))  # batch
            variance = each.var(1, correction=0).mean(1)
            found.append((variance / mean_square).nan_to_num(0.0).mean())
    return torch.stack(found).mean() if found else torch.ones((), dtype=torch.float64)


def collapse_words(figures: Mapping[str, float], views: int) -> str | None:
    """Returns what is wrong with the vectors and what to do, or None where nothing is.

    Args:
        figures: as `Embeddings.figures` gives them, and `prediction_spread` of every task.
        views: held-out views behind them.

    Example:
        >>> collapse_words({"embedding_rank": 6.0, "embedding_spread": 0.2}, views=32) is None
        True
    """
    if views < LEAST_VIEWS or "embedding_rank" not in figures:
        return None
    spread, rank = figures["embedding_spread"], figures["embedding_rank"]
    same = [key for key, value in figures.items() if key.startswith(PREDICTIONS) and value < LEAST_SPREAD]
    if spread < LEAST_SPREAD:
        seen = f"the encoder gives the same vector for every held-out view: they differ by {spread**0.5:.2%} of their length"
    elif rank < LEAST_RANK:
        seen = f"the encoder's vectors of held-out views differ along one line only (effective rank {rank:.1f})"
    elif same:
        seen = f"task {same[0].removeprefix(PREDICTIONS)} says the same of every held-out view"
    else:
        return None
    return (
        f"collapse: {seen}. Do this: stop, and start again with a lower --learning-rate or a longer --warmup; if it comes "
        "back, take larger views, more scans in a --batch, or another --method (docs/troubleshooting.md)."
    )


def _effective_rank(covariance: Float64[Tensor, "channels channels"], mean_square: Float64[Tensor, ""]) -> float:
    values = torch.linalg.eigvalsh(covariance).clamp_min(0)
    if values.sum() <= 1e-10 * mean_square:  # what is left are rounding errors, and they have a high rank
        return 1.0
    shares = values / values.sum()
    return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))
