"""What is trained and handed over: an encoder, and the tasks that look at its feature maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.methods import resolve_method, task_config
from orienteer.runs.config import PretrainConfig
from orienteer.runs.weights import WEIGHTS_FILE, load_strictly, read_card
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
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


def build_network(config: PretrainConfig) -> Network:
    """Returns the encoder and the tasks of a resolved config, initial weights drawn from its seed alone."""
    assert config.view_size is not None
    assert config.spacing_mm is not None
    assert config.unit_mm is not None
    assert config.views is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(
            config.encoder, config.view_size, grad_checkpointing=config.grad_checkpointing, **config.encoder_arguments
        )
        specs = [FeatureSpec(*level) for level in zip(encoder.channels, encoder.strides, strict=True)]
        shape = ViewShape(config.view_size, config.spacing_mm, config.views, config.unit_mm)
        method = resolve_method(config.method, config.tasks)
        tasks = {name: TASKS[name](task_config(name, use), specs, shape) for name, use in method.tasks.items()}
    network = Network(encoder, tasks, {name: use.pull for name, use in method.tasks.items()})
    if config.weights is not None:
        source = Path(config.weights)
        folder = source if source.is_dir() else source.parent
        read_card(folder)
        load_strictly(encoder, folder / WEIGHTS_FILE)
    return network


def task_weights(config: PretrainConfig) -> dict[str, float]:
    """Returns the weight of each task's losses in the sum."""
    return {name: use.weight for name, use in resolve_method(config.method, config.tasks).tasks.items()}


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


def _encode(encoder: nn.Module, images: Images) -> tuple[Float[Tensor, "batch views channels c0 c1 c2"], ...]:
    sets = images.shape[0]
    levels = encoder(rearrange(images, "batch views c d0 d1 d2 -> (batch views) c d0 d1 d2"))
    return tuple(rearrange(level, "(batch views) c d0 d1 d2 -> batch views c d0 d1 d2", batch=sets) for level in levels)
