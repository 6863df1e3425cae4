"""Tasks that classify what was done to each view, such as a turn or an order of cubes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.draw.slices import PLANES
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import VectorConfig, ViewVector, linear_float32
from orienteer.tasks.masked import masked_accuracy
from orienteer.views.batch import ViewBatch
from orienteer.views.rearrange import UNTOUCHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ClassTargets:
    """The true class of each view, or ``UNTOUCHED`` for a view that is not an example."""

    classes: Int64[Tensor, "batch views"]


@dataclass(frozen=True)
class ClassPrediction:
    """One score per class and view, before the softmax, float32."""

    scores: Float[Tensor, "batch views classes"]


class ClassTask(Task[ClassTargets, ClassPrediction]):
    """Classifies each view by its coarsest feature map. A task sets the class attributes and names its classes.

    One loss, called as the task: cross-entropy, mean over the views that are examples; 0 if there are none.

    Class attributes:
        change: field of `orienteer.views.distort.Distorted` that holds the number of each view's change.
        metric: key of the metric, an accuracy.
    """

    spatial = False
    Config = VectorConfig
    change: ClassVar[Literal["turn", "order"]]
    metric: ClassVar[str]

    def __init__(self, config: Any, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.changes = self.known_changes(shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.read_out = nn.Linear(config.channels, len(self.changes))

    @staticmethod
    def known_changes(shape: ViewShape) -> Sequence[int]:
        """Returns the numbers of the changes that are classes, in the order of the classes."""
        raise NotImplementedError

    @staticmethod
    def class_name(change: int) -> str:
        """Returns the name of a change in pictures."""
        raise NotImplementedError

    def targets(self, views: ViewBatch) -> ClassTargets:
        """Returns the class of each view."""
        return ClassTargets(classes=class_of_change(views, self.change, self.changes))

    def forward(self, features: Features) -> ClassPrediction:
        """Returns a score for every class."""
        return ClassPrediction(scores=linear_float32(self.vector(features.levels[-1]), self.read_out))

    def loss(self, prediction: ClassPrediction, targets: ClassTargets) -> dict[str, Tensor]:
        """Returns the cross-entropy over the views that are examples."""
        return {self.name: cross_entropy(prediction.scores, targets.classes)}

    @torch.no_grad()
    def metrics(self, prediction: ClassPrediction, targets: ClassTargets) -> dict[str, Tensor]:
        """Returns the accuracy over the views that are examples; 1 if there are none."""
        truth = targets.classes
        return {self.metric: masked_accuracy(prediction.scores, truth, truth != UNTOUCHED)}

    def baselines(self, views: ViewBatch, targets: ClassTargets) -> Mapping[str, Mapping[str, Tensor]]:
        """Returns the accuracy of a guess among all classes; 1 if there are no examples, as for `metrics`."""
        truth = targets.classes
        chance = torch.full((), 1 / len(self.changes), device=truth.device)
        return {"trivial": {self.metric: torch.where((truth != UNTOUCHED).any(), chance, torch.ones_like(chance))}}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: ClassPrediction, targets: ClassTargets) -> "Figure":
        """Returns the central slices of the first views as the encoder saw them, with the true and predicted class."""
        figure = new_figure(1100, 470)
        columns = figure.subplots(2, min(4, views.views), squeeze=False).T
        predicted = prediction.scores[0].argmax(-1).tolist()
        for view, column in enumerate(columns):
            for axes, axis in zip(column, (1, 2), strict=True):
                scene.show_central_slice(axes, views, view, axis)
                axes.set_title(PLANES[axis], loc="left", fontsize=8)
            true = int(targets.classes[0, view])
            names = [self.class_name(self.changes[number]) for number in (true, predicted[view])]
            label = "no example" if true == UNTOUCHED else f"true: {names[0]}\npredicted: {names[1]}"
            column[0].set_title(f"view {view + 1}\n{label}", loc="left", fontsize=9)
        return figure


def class_of_change(
    views: ViewBatch, change: Literal["turn", "order"], known: Sequence[int]
) -> Int64[Tensor, "batch views"]:
    """Returns the index of each view's change among the known ones; ``UNTOUCHED`` where there is no change.

    Args:
        views: the batch.
        change: the kind of change.
        known: numbers of the changes that are classes.
    """
    if views.distorted is None:
        return torch.full((views.batch, views.views), UNTOUCHED, device=views.images.device)
    numbers: Tensor = getattr(views.distorted, change)
    classes = torch.full_like(numbers, UNTOUCHED)
    for index, number in enumerate(known):
        classes = torch.where(numbers == number, index, classes)
    return classes


def cross_entropy(scores: Float[Tensor, "batch views classes"], truth: Int64[Tensor, "batch views"]) -> Tensor:
    """Returns the mean over the views that are examples; 0, with a gradient of 0, if there are none."""
    total = nn.functional.cross_entropy(scores.flatten(0, 1), truth.flatten(), ignore_index=UNTOUCHED, reduction="sum")
    return total / (truth != UNTOUCHED).sum().clamp(min=1)
