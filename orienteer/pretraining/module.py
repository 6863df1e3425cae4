"""The LightningModule: one encoder call for all views, the tasks' losses, the teacher, the averaged weights."""

import math
from collections.abc import Mapping
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from orienteer.errors import TrainingStopped
from orienteer.runs.config import Training
from orienteer.runs.network import Answer, Network
from orienteer.views.batch import ViewBatch


class Pretraining(pl.LightningModule):
    """Trains a `Network` on view sets. Nothing here knows which tasks there are.

    Args:
        network: encoder and tasks.
        weights: the weight of each task's losses in the sum.
        config: learning rate, teacher, averaging.
        scan_names: what a person calls the scans, by key, for messages.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, float],
        config: Training,
        scan_names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._scan_names = scan_names or {}
        self.network, self.weights, self.config = network, dict(weights), config
        self.teacher = _moving_average(network.encoder, config.teacher_decay) if config.teacher else None
        self.averaged = _moving_average(network, config.weight_averaging) if config.weight_averaging else None
        self.last_losses: dict[str, Tensor] = {}
        self.last_metrics: dict[str, Tensor] = {}

    @property
    def best_network(self) -> Network:
        """The weights to validate and hand over: the moving average where there is one."""
        return cast(Network, self.averaged.module) if self.averaged is not None else self.network

    def training_step(self, views: ViewBatch, index: int) -> Tensor:
        """Returns the weighted sum of all tasks' losses."""
        answers = self.network.answers(views, self.teacher)
        losses = named_losses(answers)
        total = total_loss(self.weights, losses)
        self._stop_if_not_finite(total, views)
        self.last_losses = {"total": total.detach(), **{name: value.detach() for name, value in losses.items()}}
        if self.global_step % self.config.log_every == 0:
            self.last_metrics = named_metrics(answers)
        return total

    def optimizer_step(self, *args: object, **kwargs: object) -> None:
        """Takes the step, then moves the teacher and the averaged weights after it."""
        super().optimizer_step(*args, **kwargs)  # type: ignore[arg-type]
        if self.teacher is not None:
            self.teacher.update_parameters(self.network.encoder)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Returns AdamW with warm-up and cosine, counted in optimiser steps."""
        decayed = [p for p in self.network.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.requires_grad and p.ndim <= 1]
        optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=self.config.learning_rate,
        )
        factor = _warmup_cosine(self.config.steps, self.config.warmup)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Writes down which encoder this is, for the message where somebody loads it into another."""
        encoder = self.network.encoder
        checkpoint["encoder"] = {"family": encoder.family, "arguments": dict(encoder.arguments)}

    def _stop_if_not_finite(self, total: Tensor, views: ViewBatch) -> None:
        if not torch.isfinite(total):
            raise TrainingStopped(
                f"the loss of step {self.global_step + 1} is {total.item()}, on views of "
                f"{', '.join(self._scan_names.get(key, key) for key in views.scans)}. The last checkpoint, from before "
                "this step, is kept. Do this: look at these scans, lower learning_rate, or use precision 32."
            )


def named_losses(answers: Mapping[str, Answer]) -> dict[str, Tensor]:
    """Returns every task's losses as ``task.part``, unweighted."""
    return {
        f"{name}.{part}": value
        for name, answer in answers.items()
        for part, value in answer.task.loss(answer.prediction, answer.targets).items()
    }


def named_metrics(answers: Mapping[str, Answer]) -> dict[str, Tensor]:
    """Returns the figures of all tasks together."""
    figures: dict[str, Tensor] = {}
    for answer in answers.values():
        figures.update(answer.task.metrics(answer.prediction, answer.targets))
    return figures


def total_loss(weights: Mapping[str, float], losses: Mapping[str, Tensor]) -> Tensor:
    """Returns the sum of ``task.part`` losses, each times its task's weight, in 32 bits."""
    return torch.stack([weights[name.partition(".")[0]] * value.float() for name, value in losses.items()]).sum()


def _moving_average(module: nn.Module, decay: float) -> AveragedModel:
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return averaged.requires_grad_(False)


def _warmup_cosine(steps: int, warmup: float):
    rise = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    return factor
