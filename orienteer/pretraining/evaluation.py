"""Metrics on held-out view sets: their means, next to those of the baselines."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from orienteer.pretraining.collapse import PREDICTIONS, Embeddings, prediction_spread
from orienteer.pretraining.module import named_losses, named_metrics, total_loss
from orienteer.runs.network import Network
from orienteer.views.batch import ViewBatch


class MetricSums:
    """Sums of metrics over batches, each weighted by its number of view sets."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._sets = 0

    def add(self, metrics: Mapping[str, Tensor], sets: int) -> None:
        """Adds the metrics of one batch."""
        self._sets += sets
        for key, value in metrics.items():
            self._sums[key] = self._sums.get(key, torch.zeros((), dtype=torch.float64)) + value.double().cpu() * sets

    def sums(self) -> tuple[list[str], Tensor]:
        """Returns the keys, and their sums followed by the number of view sets."""
        keys = sorted(self._sums)
        return keys, torch.stack([self._sums[key] for key in keys] + [torch.tensor(float(self._sets)).double()])

    @staticmethod
    def means(keys: list[str], sums: Tensor) -> dict[str, float]:
        """Returns the means, from the keys and sums that `sums` returned; the sums may be added over processes."""
        return dict(zip(keys, (sums[:-1] / sums[-1]).tolist(), strict=True))


@torch.no_grad()
def heldout_metrics(
    network: Network,
    weights: Mapping[str, float],
    views: ViewBatch,
    baselines: bool,
    embeddings: Embeddings | None = None,
) -> dict[str, Tensor]:
    """Returns loss and metrics of one batch.

    Args:
        network: in eval mode.
        weights: the weight of each task's losses in the total loss.
        views: the batch.
        baselines: whether to add the metrics of the baselines.
        embeddings: the vectors of the views are added to it.
    """
    features = network.features(views.images)
    answers = network.answers_to(views, features)
    if embeddings is not None:
        embeddings.add(features.levels[-1], views.scans)
    metrics = named_metrics(answers)
    for name in network.tasks_by_name:
        metrics[f"{PREDICTIONS}{name}"] = prediction_spread(answers[name].prediction)
    for answer in answers.values() if baselines else ():
        for baseline, values in answer.task.baselines(views, answer.targets).items():
            metrics.update({f"{key}_{baseline}": value for key, value in values.items()})
    return {"loss": total_loss(weights, named_losses(answers)), **metrics}


def fit_baselines(network: Network, batches: Iterable[ViewBatch]) -> None:
    """Fits the baselines of every task to training views."""
    batches = list(batches)
    for task in network.tasks_by_name.values():
        task.fit_baselines(batches)
