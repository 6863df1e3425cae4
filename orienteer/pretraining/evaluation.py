"""Held-out figures: means over the same view sets every time, the trivial rivals beside them."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor

from orienteer.pretraining.collapse import PREDICTIONS, Embeddings, prediction_spread
from orienteer.pretraining.module import named_losses, named_metrics, total_loss
from orienteer.runs.network import Network
from orienteer.tasks.base import Task
from orienteer.views.batch import ViewBatch


class Figures:
    """Adds up figures of batches, each weighted by its number of view sets."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._sets = 0

    def add(self, figures: dict[str, Tensor], sets: int) -> None:
        """Adds the figures of one batch."""
        self._sets += sets
        for key, value in figures.items():
            self._sums[key] = self._sums.get(key, torch.zeros((), dtype=torch.float64)) + value.double().cpu() * sets

    def sums(self) -> tuple[list[str], Tensor]:
        """Returns the keys, and their sums with the number of view sets behind them."""
        keys = sorted(self._sums)
        return keys, torch.stack([self._sums[key] for key in keys] + [torch.tensor(float(self._sets)).double()])

    @staticmethod
    def means(keys: list[str], sums: Tensor) -> dict[str, float]:
        """Returns the means behind what `sums` gave, or what the sum of several processes' gave."""
        return dict(zip(keys, (sums[:-1] / sums[-1]).tolist(), strict=True))


@torch.no_grad()
def heldout_figures(
    network: Network, weights: dict[str, float], views: ViewBatch, rivals: bool, embeddings: Embeddings | None = None
) -> dict[str, Tensor]:
    """Returns loss and figures of one batch, and those of the trivial rivals where asked for.

    Args:
        embeddings: gets the vectors of the views, where given.
    """
    features = network.features(views.images)
    answers = network.answers_to(views, features)
    if embeddings is not None:
        embeddings.add(features.levels[-1], views.scans)
    figures = named_metrics(answers)
    figures |= {f"{PREDICTIONS}{name}": prediction_spread(answer.prediction) for name, answer in answers.items()}
    for answer in answers.values() if rivals else ():
        for rival, values in answer.task.baselines(views, answer.targets).items():
            figures.update({f"{key}_{rival}": value for key, value in values.items()})
    return {"loss": total_loss(weights, named_losses(answers)), **figures}


def fit_rivals(network: Network, batches: Iterable[ViewBatch]) -> None:
    """Lets every task learn its trivial rivals from training views."""
    batches = list(batches)
    for task in network.tasks.values():
        cast(Task, task).fit_baselines(batches)
