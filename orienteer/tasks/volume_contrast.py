"""The volume contrast task: predict how much a view overlaps each of its neighbours.

Wu, Zhuang and Chen, *VoCo: A Simple-yet-Effective Volume Contrastive Learning Framework for 3D Medical Image Analysis*,
CVPR 2024. A random crop (view 0) is compared with bases (all other views): the cosine of their vectors, clipped at 0,
should equal the fraction of the crop that lies in each base, and bases should differ from each other. Bases are encoded
by a teacher, a moving average of the encoder; without it the loss soon stops falling. Departures: eight bases in two
rows per axis instead of a grid in one plane; both sides share one projection, which the loss trains; one crop per scan
and step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from orienteer.draw.figures import new_figure
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.geometry.boxes import overlap_fractions
from orienteer.geometry.pairs import pair_index
from orienteer.tasks.base import Features
from orienteer.tasks.heads import VectorConfig
from orienteer.tasks.projected import ProjectedViews
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = 1e-6
"""Lower limit of the logarithm's argument."""


@dataclass(frozen=True)
class VolumeContrastTargets:
    """The true overlap: the fraction of view 0 that lies in each other view, 0 to 1."""

    overlap: Float[Tensor, "batch bases"]


@dataclass(frozen=True)
class VolumeContrastPrediction:
    """One vector per view, float32; only its direction matters."""

    vectors: Float[Tensor, "batch views channels"]

    @property
    def overlap(self) -> Float[Tensor, "batch bases"]:
        """The predicted fraction of view 0 that lies in each other view: the cosine, clipped at 0."""
        return cosine_similarity(self.vectors[:, :1], self.vectors[:, 1:], dim=-1).relu()


class VolumeContrast(ProjectedViews[VolumeContrastTargets, VolumeContrastPrediction]):
    """Predicts overlaps of a view with its neighbours.

    Losses: ``overlap``, the mean of ``-log(1 - |y - p|)`` over the bases; ``apart``, the mean absolute cosine between
    two bases.

    Example:
        >>> from orienteer.tasks.base import FeatureSpec, ViewShape
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=9, unit_mm=100.0)
        >>> task = VolumeContrast(VectorConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.randn(2, 9, 16, 4, 4, 4),))).overlap.shape
        torch.Size([2, 8])
    """

    name = "volume_contrast"
    Config = VectorConfig
    minimum: ClassVar[Mapping[str, float]] = {"overlap": 0.0, "apart": 0.0}

    def targets(self, views: ViewBatch) -> VolumeContrastTargets:
        """Returns the overlap of view 0 with every other one, as a fraction of a view's volume."""
        gaps_mm = (views.centres_mm[:, 1:] - views.centres_mm[:, :1]).float()
        return VolumeContrastTargets(overlap=overlap_fractions(gaps_mm, views.size_vox, views.spacing_mm))

    def forward(self, features: Features) -> VolumeContrastPrediction:
        """Returns the vector of each view."""
        return VolumeContrastPrediction(vectors=self.vectors(features))

    def loss(self, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets) -> dict[str, Tensor]:
        """Returns ``overlap`` and ``apart``."""
        errors = (prediction.overlap - targets.overlap).abs()
        bases = prediction.vectors[:, 1:]
        i, j = pair_index(bases.shape[1], bases.device)
        apart = cosine_similarity(bases[:, i], bases[:, j], dim=-1).abs()
        zero = prediction.vectors.sum() * 0  # two views have one base, with no other to differ from
        return {
            "overlap": -(1 - errors).clamp(min=LEAST).log().mean(),
            "apart": apart.mean() if apart.numel() else zero,
        }

    @torch.no_grad()
    def metrics(self, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets) -> dict[str, Tensor]:
        """Returns the mean error of the overlap, and how often the base with the largest overlap is predicted."""
        return _metrics(prediction.overlap, targets)

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: VolumeContrastTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the metrics of a guess: the mean overlap for every base, and any base as the one with the largest."""
        mean = targets.overlap.mean().expand_as(targets.overlap)
        chance = torch.full((), 1 / targets.overlap.shape[1], device=targets.overlap.device)
        return {"trivial": {**_metrics(mean, targets), "base_accuracy": chance}}

    @torch.no_grad()
    def picture(
        self, views: ViewBatch, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets
    ) -> "Figure":
        """Returns true and predicted overlap with each base, for the first sets of the batch."""
        shown = min(4, views.batch)
        figure = new_figure(260 * shown + 60, 360)
        panels = figure.subplots(1, shown, squeeze=False, sharey=True)[0]
        bases = torch.arange(1, targets.overlap.shape[1] + 1).numpy()
        for item, axes in enumerate(panels):
            axes.bar(bases - 0.2, targets.overlap[item].cpu().numpy(), 0.4, color=TRUE, label="true")
            axes.bar(bases + 0.2, prediction.overlap[item].cpu().numpy(), 0.4, color=PREDICTED, label="predicted")
            axes.set_title(f"view set {item + 1}", loc="left", fontsize=9)
            axes.set_xlabel("neighbour", fontsize=9)
        panels[0].set_ylabel("fraction of the view that lies in it", fontsize=9)
        panels[0].set_ylim(0, 1)
        panels[0].legend(fontsize=8)
        return figure


def _metrics(overlap: Float[Tensor, "batch bases"], targets: VolumeContrastTargets) -> dict[str, Tensor]:
    largest = targets.overlap.amax(dim=-1, keepdim=True)
    predicted = targets.overlap.gather(-1, overlap.argmax(dim=-1, keepdim=True))
    return {
        "overlap_error_share": (overlap - targets.overlap).abs().mean(),
        "base_accuracy": (predicted == largest).float().mean(),
    }
