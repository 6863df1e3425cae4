"""The LightningModule: one encoder call for all views, the losses of the tasks, the teacher, the averaged weights."""

from collections.abc import Mapping
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from orienteer.errors import TrainingStopped
from orienteer.runs.config import Training
from orienteer.runs.network import Answer, Network, parameter_names
from orienteer.runs.records import run_fingerprint
from orienteer.runs.schedule import warmup_cosine
from orienteer.views.batch import ViewBatch


class Pretraining(pl.LightningModule):
    """Trains a `Network` on view sets, whatever its tasks.

    Args:
        network: encoder and tasks.
        weights: the weight of each task's losses in the total loss.
        config: learning rate, teacher, averaging.
        scan_names: names of the scans by key, for messages.

    Attributes:
        carried_moments: state of the optimiser to begin with, by the name of the weight: that of a run that is continued.
        steps_before: steps before the first one, as far as the learning rate is concerned.
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
        self.carried_moments: Mapping[str, Mapping[str, Any]] = {}
        self.steps_before = 0
        self.last_losses: dict[str, Tensor] = {}
        self.last_metrics: dict[str, Tensor] = {}

    @property
    def best_network(self) -> Network:
        """The network to validate and to save: the moving average if there is one."""
        return cast(Network, self.averaged.module) if self.averaged is not None else self.network

    def training_step(self, views: ViewBatch, index: int) -> Tensor:
        """Returns the total loss of a batch."""
        answers = self.network.answers(views, self.teacher)
        losses = named_losses(answers)
        total = total_loss(self.weights, losses)
        self._stop_if_not_finite(total, views)
        self.last_losses = {"total": total.detach(), **{name: value.detach() for name, value in losses.items()}}
        if self.global_step % self.config.log_every == 0:
            self.last_metrics = named_metrics(answers)
        return total

    def optimizer_step(self, *args: object, **kwargs: object) -> None:
        """Takes the step, then updates the teacher and the averaged weights."""
        super().optimizer_step(*args, **kwargs)  # type: ignore[arg-type]
        if self.teacher is not None:
            self.teacher.update_parameters(self.network.encoder)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Returns AdamW and its schedule of warm-up and cosine, in optimiser steps."""
        names = parameter_names(self.network)
        decayed, plain = ([self.network.get_parameter(name) for name in group] for group in names)
        optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=self.config.learning_rate,
            fused=self.config.precision == "32",  # with autocast, Lightning cannot clip what a fused step takes
        )
        if self.carried_moments:
            numbers = {name: number for number, name in enumerate([*names[0], *names[1]])}
            state = {numbers[name]: dict(moments) for name, moments in self.carried_moments.items()}
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        before, warmup = self.steps_before, self.config.warmup
        steps = before + self.config.steps
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: warmup_cosine(before + step, steps, warmup)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds which encoder and which run this is, for the message when it is loaded into another one."""
        encoder = self.network.encoder
        checkpoint["encoder"] = {"family": encoder.family, "arguments": dict(encoder.arguments)}
        checkpoint["run"] = run_fingerprint(self._scan_names, self.config.seed, self.config.steps)

    def _stop_if_not_finite(self, total: Tensor, views: ViewBatch) -> None:
        if not torch.isfinite(total):
            raise TrainingStopped(
                f"the loss of step {self.global_step + 1} is {total.item()}, on views of "
                f"{', '.join(self._scan_names.get(key, key) for key in views.scans)}. The last checkpoint, from before "
                "this step, is kept. Do this: look at these scans, use a lower --learning-rate, or --precision 32."
            )


def named_losses(answers: Mapping[str, Answer]) -> dict[str, Tensor]:
    """Returns every task's losses as ``task.part``, unweighted."""
    return {
        f"{name}.{part}": value
        for name, answer in answers.items()
        for part, value in answer.task.loss(answer.prediction, answer.targets).items()
    }


def named_metrics(answers: Mapping[str, Answer]) -> dict[str, Tensor]:
    """Returns the metrics of all tasks."""
    metrics: dict[str, Tensor] = {}
    for answer in answers.values():
        metrics.update(answer.task.metrics(answer.prediction, answer.targets))
    return metrics


def total_loss(weights: Mapping[str, float], losses: Mapping[str, Tensor]) -> Tensor:
    """Returns the sum of the losses ``task.part``, each multiplied by the weight of its task, in 32-bit floats."""
    return torch.stack([weights[name.partition(".")[0]] * value.float() for name, value in losses.items()]).sum()


def _moving_average(module: nn.Module, decay: float) -> AveragedModel:
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return averaged.requires_grad_(False)
