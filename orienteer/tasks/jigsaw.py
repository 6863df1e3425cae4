"""The jigsaw task: tell in which order the eight cubes of a view were put.

Noroozi and Favaro, *Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles*, ECCV 2016; in 3D Taleb et
al., *3D Self-Supervised Methods for Medical Imaging*, NeurIPS 2020, and Zhuang et al., *Self-supervised Feature Learning
for 3D Medical Images by Playing a Rubik's Cube*, MICCAI 2019. As there, a few orders that differ in many places are the
classes. Departures: two cubes per axis; the encoder sees the whole puzzle instead of cube by cube, so that it is trained
on views as large as those of all other methods; cubes have no gap between them.
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
from orienteer.views.batch import ViewBatch
from orienteer.views.rearrange import ORDERS, cube_orders

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class JigsawConfig:
    """Settings of the jigsaw task."""

    channels: int = 64
    """Channels inside the head, and numbers in a view's vector."""


@dataclass(frozen=True)
class JigsawTargets:
    """The truth: in which of the orders each view's cubes are, or -1 for a view that is no example."""

    order: Int64[Tensor, "batch views"]


@dataclass(frozen=True)
class JigsawPrediction:
    """What the head believes: one number per order, before the softmax, float32."""

    scores: Float[Tensor, "batch views orders"]


class Jigsaw(Task[JigsawTargets, JigsawPrediction]):
    """Names the order of each view's cubes.

    Loss ``jigsaw``: cross-entropy over the orders, mean over the views that are examples; 0 where none is.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = Jigsaw(JigsawConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 16, 4, 4, 4),))).scores.shape
        torch.Size([1, 2, 24])
    """

    name = "jigsaw"
    spatial = False
    Config = JigsawConfig
    minimum: ClassVar[Mapping[str, float]] = {"jigsaw": 0.0}

    def __init__(self, config: JigsawConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.read_out = nn.Linear(config.channels, ORDERS)

    def targets(self, views: ViewBatch) -> JigsawTargets:
        """Returns the order of each view's cubes."""
        return JigsawTargets(order=classes.numbered(views, "order", range(ORDERS)))

    def forward(self, features: Features) -> JigsawPrediction:
        """Returns a score for every order."""
        return JigsawPrediction(scores=linear_float32(self.vector(features.levels[-1]), self.read_out))

    def loss(self, prediction: JigsawPrediction, targets: JigsawTargets) -> dict[str, Tensor]:
        """Returns ``jigsaw``: cross-entropy over the views that are examples."""
        return {"jigsaw": classes.cross_entropy(prediction.scores, targets.order)}

    @torch.no_grad()
    def metrics(self, prediction: JigsawPrediction, targets: JigsawTargets) -> dict[str, Tensor]:
        """Returns how often the order is named rightly."""
        return {"order_accuracy": classes.accuracy(prediction.scores, targets.order)}

    def rivals(self, views: ViewBatch, targets: JigsawTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the share that a guess among all orders gets right."""
        return {"trivial": {"order_accuracy": classes.chance(ORDERS, targets.order)}}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: JigsawPrediction, targets: JigsawTargets) -> "Figure":
        """Returns the middle slices of the first set's views, with the order that is true and the one that is named."""
        words = [" ".join(str(cube + 1) for cube in order) for order in cube_orders()]
        return classes.picture(new_figure(1100, 470), views, prediction.scores[0], targets.order[0], words)
