"""The network that is trained: an encoder, and the tasks that work on its feature maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.methods import task_config
from orienteer.runs.run_config import RunConfig
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tensors import Images
from orienteer.views.batch import ViewBatch


@dataclass(frozen=True)
class Answer:
    """Truth and prediction of one task for a batch.

    Attributes:
        task: the task.
        targets: the truth, as the task computes it from the views.
        prediction: the output of the task's heads.
    """

    task: Task[Any, Any]
    targets: Any
    prediction: Any


class Network(nn.Module):
    """An encoder and the tasks that work on its feature maps.

    Args:
        encoder: computes the feature maps.
        tasks: by name.
        pulls: by task, the fraction of its gradient that reaches the encoder; all of it by default.
    """

    def __init__(
        self, encoder: Encoder, tasks: Mapping[str, Task[Any, Any]], pulls: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.tasks = nn.ModuleDict(tasks)
        self.pulls = dict(pulls or {})

    def features(self, images: Images, teacher: nn.Module | None = None) -> Features:
        """Returns the feature maps of all views, from one call of the encoder.

        With a teacher, view 0 is encoded by the student and the others, without gradient, by the teacher. All views are
        drawn from the same distribution, so it does not matter which one the student encodes.
        """
        if teacher is None:
            return Features(_encode(self.encoder, images))
        student = _encode(self.encoder, images[:, :1])
        with torch.no_grad():
            others = _encode(teacher, images[:, 1:])
        return Features(tuple(torch.cat(pair, dim=1) for pair in zip(student, others, strict=True)))

    def answers(self, views: ViewBatch, teacher: nn.Module | None = None) -> dict[str, Answer]:
        """Returns truth and prediction of every task for a batch."""
        return self.answers_to(views, self.features(views.images, teacher))

    def answers_to(self, views: ViewBatch, features: Features) -> dict[str, Answer]:
        """Returns truth and prediction of every task, given the feature maps of the batch."""
        return {
            name: Answer(task, task.targets(views), task(pulled(features, self.pulls.get(name, 1.0))))
            for name, task in self.tasks_by_name.items()
        }

    @property
    def tasks_by_name(self) -> dict[str, Task[Any, Any]]:
        """The tasks, with their type."""
        return cast(dict[str, Task[Any, Any]], dict(self.tasks.items()))


def build_network(config: RunConfig) -> Network:
    """Returns the encoder and the tasks of a run. The initial weights depend on the seed alone.

    Raises:
        InputError: an unknown encoder, method or task, or a view size that the network cannot take.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(
            config.encoder, config.view_size, grad_checkpointing=config.grad_checkpointing, **config.encoder_arguments
        )
        specs = [FeatureSpec(*level) for level in zip(encoder.channels, encoder.strides, strict=True)]
        shape = ViewShape(config.view_size, config.spacing_mm, config.views, config.unit_mm)
        method = config.run_method
        tasks = {name: TASKS[name](task_config(name, use), specs, shape) for name, use in method.tasks.items()}
    return Network(encoder, tasks, {name: use.pull for name, use in method.tasks.items()})


def network_numbers(config: RunConfig) -> dict[str, Any]:
    """Returns the settings that decide how large the network of a run is."""
    names = ("view_size", "views", "encoder_arguments", "tasks")
    return {name: getattr(config, name) for name in names}


def task_weights(config: RunConfig) -> dict[str, float]:
    """Returns the weight of each task's losses in the total loss."""
    return {name: use.weight for name, use in config.run_method.tasks.items()}


def parameter_names(network: nn.Module) -> tuple[list[str], list[str]]:
    """Returns the names of the weights that are decayed, and of those that are not, in the order of the optimiser."""
    trained = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    return [name for name, p in trained if p.ndim > 1], [name for name, p in trained if p.ndim <= 1]


def pulled(features: Features, share: float) -> Features:
    """Returns the same features; their gradient is multiplied by ``share`` on its way to the encoder.

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
