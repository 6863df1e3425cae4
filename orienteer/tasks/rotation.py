"""The rotation task: tell by which quarter turn a view was turned.

Gidaris, Singh and Komodakis, *Unsupervised Representation Learning by Predicting Image Rotations*, ICLR 2018; in 3D
Taleb et al., *3D Self-Supervised Methods for Medical Imaging*, NeurIPS 2020, whose ten turns (none, and one to three
quarters about each axis) are taken here. Departures: turns that would change the size of a view that is no cube are left
out; views are those of all other methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.tasks import classes
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import ViewVector, linear_float32
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch
from orienteer.views.rearrange import TURNS, fitting_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RotationConfig:
    """Settings of the rotation task."""

    channels: int = 64
    """Channels inside the head, and numbers in a view's vector."""


@dataclass(frozen=True)
class RotationTargets:
    """The truth: which of the turns that fit each view was turned by, or -1 for a view that is no example."""

    turn: Int64[Tensor, "batch views"]


@dataclass(frozen=True)
class RotationPrediction:
    """What the head believes: one number per turn that fits, before the softmax, float32."""

    scores: Float[Tensor, "batch views turns"]


class Rotation(Task[RotationTargets, RotationPrediction]):
    """Names the turn of each view.

    Loss ``rotation``: cross-entropy over the turns that fit, mean over the views that are examples; 0 where none is.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = Rotation(RotationConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 16, 4, 4, 4),))).scores.shape
        torch.Size([1, 2, 10])
    """

    name = "rotation"
    spatial = False
    Config = RotationConfig
    minimum: ClassVar[Mapping[str, float]] = {"rotation": 0.0}

    def __init__(self, config: RotationConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.turns = fitting_turns(shape.size_vox)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.read_out = nn.Linear(config.channels, len(self.turns))

    def targets(self, views: ViewBatch) -> RotationTargets:
        """Returns which turn each view was turned by."""
        return RotationTargets(turn=classes.numbered(views, "turn", self.turns))

    def forward(self, features: Features) -> RotationPrediction:
        """Returns a score for every turn."""
        return RotationPrediction(scores=linear_float32(self.vector(features.levels[-1]), self.read_out))

    def loss(self, prediction: RotationPrediction, targets: RotationTargets) -> dict[str, Tensor]:
        """Returns ``rotation``: cross-entropy over the views that are examples."""
        return {"rotation": classes.cross_entropy(prediction.scores, targets.turn)}

    @torch.no_grad()
    def metrics(self, prediction: RotationPrediction, targets: RotationTargets) -> dict[str, Tensor]:
        """Returns how often the turn is named rightly."""
        return {"turn_accuracy": classes.accuracy(prediction.scores, targets.turn)}

    def rivals(self, views: ViewBatch, targets: RotationTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the share that a guess among all turns gets right."""
        return {"trivial": {"turn_accuracy": classes.chance(len(self.turns), targets.turn)}}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: RotationPrediction, targets: RotationTargets) -> "Figure":
        """Returns the middle slices of the first set's views, with the turn that is true and the one that is named."""
        words = [turn_in_words(number) for number in self.turns]
        return classes.picture(new_figure(1100, 470), views, prediction.scores[0], targets.turn[0], words)


def turn_in_words(number: int) -> str:
    """Returns what a turn does.

    Example:
        >>> turn_in_words(0), turn_in_words(7)
        ('not turned', '90° about foot-head')
    """
    axis, quarter = TURNS[number]
    return f"{90 * quarter}° about {AXIS_NAMES[axis]}" if quarter else "not turned"
