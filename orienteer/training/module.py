"""The LightningModule: one encoder call for all views, the tasks' losses, the teacher, the averaged weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytorch_lightning as pl
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from orienteer.encoders.base import Encoder
from orienteer.errors import TrainingStopped
from orienteer.tasks.base import Features, Task
from orienteer.training.config import Training
from orienteer.types import Images
from orienteer.views.batch import ViewBatch


@dataclass(frozen=True)
class Answer:
    """What one task makes of a batch: the truth, and what its heads say."""

    task: Task
    targets: Any
    prediction: Any


class Network(nn.Module):
    """What is trained: an encoder and the tasks that look at its feature maps.

    Args:
        encoder: gives the maps.
        tasks: by name.
        pulls: share of each task's gradient that reaches the encoder; all of it where nothing is said.
    """

    def __init__(self, encoder: Encoder, tasks: Mapping[str, Task], pulls: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.tasks = nn.ModuleDict(tasks)
        self.pulls = dict(pulls or {})

    def features(self, images: Images, teacher: nn.Module | None = None) -> Features:
        """Returns the feature maps of all views, from one call of the encoder.

        With a teacher, view 0 is encoded by the student and the others, without gradient, by the teacher: views are drawn
        alike, so that it does not matter which one the student sees.
        """
        if teacher is None:
            return Features(_encode(self.encoder, images))
        student = _encode(self.encoder, images[:, :1])
        with torch.no_grad():
            others = _encode(teacher, images[:, 1:])
        return Features(tuple(torch.cat(pair, dim=1) for pair in zip(student, others, strict=True)))

    def answers(self, views: ViewBatch, teacher: nn.Module | None = None) -> dict[str, Answer]:
        """Returns every task's truth and prediction for a batch."""
        return self.answers_to(views, self.features(views.images, teacher))

    def answers_to(self, views: ViewBatch, features: Features) -> dict[str, Answer]:
        """Returns the same from the batch's feature maps."""
        tasks = cast(dict[str, Task], dict(self.tasks.items()))
        return {
            name: Answer(task, task.targets(views), task(pulled(features, self.pulls.get(name, 1.0))))
            for name, task in tasks.items()
        }


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


def pulled(features: Features, share: float) -> Features:
    """Returns the same features, through which only a share of the gradient passes.

    Example:
        >>> maps = torch.ones(1, 1, 1, 1, 1, 1, requires_grad=True)
        >>> pulled(Features((maps,)), 0.25).levels[0].sum().backward()
        >>> maps.grad.item()
        0.25
    """
    if share == 1:
        return features
    if share == 0:
        return Features(tuple(maps.detach() for maps in features.levels))
    return Features(tuple(maps.detach() + share * (maps - maps.detach()) for maps in features.levels))


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


def _encode(encoder: nn.Module, images: Images) -> tuple[Float[Tensor, "batch views channels c0 c1 c2"], ...]:
    sets = images.shape[0]
    levels = encoder(rearrange(images, "batch views c d0 d1 d2 -> (batch views) c d0 d1 d2"))
    return tuple(rearrange(level, "(batch views) c d0 d1 d2 -> batch views c d0 d1 d2", batch=sets) for level in levels)


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
