"""Detecting a collapse: how much feature vectors and predictions differ between held-out views, and a warning."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float64
from torch import Tensor

from orienteer.tensors import FeatureMap

LEAST_VIEWS = 8
"""With fewer held-out views than this no collapse can be detected."""

LEAST_SPREAD = 1e-4
"""Below it the vectors of the views differ by less than 1 % of their length: they are all the same."""

PREDICTIONS = "prediction_spread_"
"""Prefix of the metrics of `prediction_spread`; the name of the task follows."""

LEAST_RANK = 1.5
"""Below it the vectors of the views differ along little more than one line."""


class Embeddings:
    """Sums over one vector per held-out view: the mean of the encoder's last level over its cells.

    Only sums are kept, so that those of several processes can be added.

    Args:
        scans: keys of all held-out scans, the same in every process.
        channels: of the encoder's last level.

    Example:
        >>> embeddings = Embeddings(["a", "b"], channels=4)
        >>> embeddings.add(torch.eye(4).reshape(2, 2, 4, 1, 1, 1), ("a", "b"))
        >>> {key: round(value, 2) for key, value in embeddings.metrics(embeddings.sums()).items()}
        {'embedding_rank': 3.0, 'embedding_spread': 0.75, 'embedding_cosine': 0.0}
    """

    def __init__(self, scans: Sequence[str], channels: int) -> None:
        self._rows = {scan: row for row, scan in enumerate(scans)}
        self._counts = torch.zeros(len(scans), dtype=torch.float64)
        self._directions = torch.zeros(len(scans), channels, dtype=torch.float64)
        self._total = torch.zeros(channels, dtype=torch.float64)
        self._products = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, last_level: FeatureMap, scans: Sequence[str]) -> None:
        """Adds the views of one batch.

        Args:
            last_level: feature maps of the encoder's last level.
            scans: key of the scan of each view set.
        """
        vectors = last_level.double().mean(dim=(3, 4, 5)).cpu()  # (batch, views, channels)
        rows = torch.tensor([self._rows[scan] for scan in scans])
        units = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        self._directions.index_add_(0, rows, units.sum(1))
        self._counts.index_add_(0, rows, torch.full((len(scans),), float(vectors.shape[1])).double())
        flat = rearrange(vectors, "batch views channels -> (batch views) channels")
        self._total += flat.sum(0)
        self._products += flat.T @ flat

    def sums(self) -> Float64[Tensor, " sums"]:
        """Returns all sums in one row, so that they can be added over processes."""
        return torch.cat([self._counts, self._directions.flatten(), self._total, self._products.flatten()])

    def metrics(self, sums: Float64[Tensor, " sums"]) -> dict[str, float]:
        """Returns the metrics computed from `sums`; none if a vector is not finite, which the loss will show.

        ``embedding_rank``: along how many directions the vectors differ, the exponential of the entropy of the normalised
        eigenvalues of their covariance (Roy and Vetterli 2007). ``embedding_spread``: their variance as a fraction of
        their mean squared length, 0 to 1. ``embedding_cosine``: mean cosine between views of different scans, without
        subtracting a mean; left out if only one scan is held out.
        """
        if not torch.isfinite(sums).all():
            return {}
        scans, channels = self._directions.shape
        counts, directions, total, products = sums.split([scans, scans * channels, channels, channels**2])
        views = counts.sum()
        mean = total / views
        products = products.reshape(channels, channels) / views
        mean_square = products.trace()
        spread = (
            (1 - mean @ mean / mean_square).clamp(0, 1) if mean_square > 0 else 0.0
        )  # vectors of zeros are all the same
        metrics = {
            "embedding_rank": _effective_rank(products - torch.outer(mean, mean), mean_square),
            "embedding_spread": float(spread),
        }
        pairs = views**2 - (counts**2).sum()
        if pairs > 0:
            directions = directions.reshape(scans, channels)
            cosines = directions.sum(0).square().sum() - directions.square().sum()
            metrics["embedding_cosine"] = float(cosines / pairs)
        return metrics


def prediction_spread(prediction: Any) -> Float64[Tensor, ""]:
    """Returns how much a prediction differs between the views of a set: its variance as a fraction of its mean square.

    Args:
        prediction: a dataclass of tensors whose first two axes are the batch and the views (or pairs of them).

    Returns:
        The mean over the tensors and the batch; 0 if the prediction is the same for all views.

    Example:
        >>> from dataclasses import make_dataclass
        >>> prediction = make_dataclass("Prediction", ["places"])
        >>> spreads = [prediction_spread(prediction(places)) for places in (torch.ones(2, 3, 3), torch.eye(4)[None])]
        >>> [round(spread.item(), 3) for spread in spreads]
        [0.0, 0.75]
    """
    spreads = []
    for value in (getattr(prediction, item.name) for item in fields(prediction)):
        if isinstance(value, Tensor) and value.is_floating_point() and value.ndim >= 2:
            each = value.detach().double().flatten(2) if value.ndim > 2 else value.detach().double()[..., None]
            mean_square = each.square().mean(dim=(1, 2))  # batch
            variance = (
                (each - each.mean(1, keepdim=True)).square().mean(dim=(1, 2))
            )  # torch's var takes four times as long
            spreads.append((variance / mean_square).nan_to_num(0.0).mean())
    return torch.stack(spreads).mean() if spreads else torch.ones((), dtype=torch.float64)


def collapse_warning(metrics: Mapping[str, float], views: int) -> str | None:
    """Returns a warning if the vectors or predictions have collapsed, with what to do, or None.

    Args:
        metrics: those of `Embeddings.metrics`, and `prediction_spread` of every task.
        views: number of held-out views that they were computed from.

    Example:
        >>> collapse_warning({"embedding_rank": 6.0, "embedding_spread": 0.2}, views=32) is None
        True
    """
    if views < LEAST_VIEWS or "embedding_rank" not in metrics:
        return None
    spread, rank = metrics["embedding_spread"], metrics["embedding_rank"]
    constant = [key for key, value in metrics.items() if key.startswith(PREDICTIONS) and value < LEAST_SPREAD]
    if spread < LEAST_SPREAD:
        what = f"the encoder gives the same vector for every held-out view: they differ by {spread**0.5:.2%} of their length"
    elif rank < LEAST_RANK:
        what = f"the encoder's vectors of held-out views differ along one line only (effective rank {rank:.1f})"
    elif constant:
        what = f"task {constant[0].removeprefix(PREDICTIONS)} predicts the same for every held-out view"
    else:
        return None
    return (
        f"collapse: {what}. Do this: stop, and start again with a lower --learning-rate or a longer --warmup; if that does "
        "not help, use larger views, more scans in a --batch, or another --method (docs/troubleshooting.md)."
    )


def _effective_rank(covariance: Float64[Tensor, "channels channels"], mean_square: Float64[Tensor, ""]) -> float:
    values = torch.linalg.eigvalsh(covariance).clamp_min(0)
    if values.sum() <= 1e-10 * mean_square:  # only rounding errors, which have a high rank
        return 1.0
    shares = values / values.sum()
    return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))
