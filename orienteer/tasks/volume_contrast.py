"""The volume contrast task: tell by how much a view overlaps each of its neighbours.

Wu, Zhuang and Chen, *VoCo: A Simple-yet-Effective Volume Contrastive Learning Framework for 3D Medical Image Analysis*,
CVPR 2024. A random crop (view 0) is compared with bases (all other views): the cosine of their vectors, cut at 0, is to be
the share of the crop that lies in each base, and bases are to differ from each other. Bases are encoded by a teacher, a
moving average of the encoder; without it the loss soon stays where it is. Departures: eight bases in two rows per axis
instead of a grid in one plane; both sides share one projection, which the loss trains; one crop per scan and step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from orienteer.draw.figures import new_figure
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.geometry.pairs import pair_index
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.checks import require_pairs
from orienteer.tasks.heads import ViewVector, linear_float32
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = 1e-6
"""The logarithm's argument is kept above this."""


@dataclass(frozen=True)
class VolumeContrastConfig:
    """Settings of the volume contrast task."""

    channels: int = 64
    """Channels inside the head, and numbers in a view's vector."""


@dataclass(frozen=True)
class VolumeContrastTargets:
    """The truth: the share of view 0 that lies in each other view, 0 to 1."""

    overlap: Float[Tensor, "batch bases"]


@dataclass(frozen=True)
class VolumeContrastPrediction:
    """One vector per view, float32; only its direction counts."""

    vectors: Float[Tensor, "batch views channels"]

    @property
    def overlap(self) -> Float[Tensor, "batch bases"]:
        """The share of view 0 that is believed to lie in each other view: the cosine, cut at 0."""
        return cosine_similarity(self.vectors[:, :1], self.vectors[:, 1:], dim=-1).relu()


class VolumeContrast(Task[VolumeContrastTargets, VolumeContrastPrediction]):
    """Predicts overlaps of a view with its neighbours.

    Losses: ``overlap``, the mean of ``-log(1 - |y - p|)`` over the bases; ``apart``, the mean size of the cosine between
    two bases.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=9, unit_mm=100.0)
        >>> task = VolumeContrast(VolumeContrastConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.randn(2, 9, 16, 4, 4, 4),))).overlap.shape
        torch.Size([2, 8])
    """

    name = "volume_contrast"
    spatial = False
    Config = VolumeContrastConfig
    minimum: ClassVar[Mapping[str, float]] = {"overlap": 0.0, "apart": 0.0}

    def __init__(self, config: VolumeContrastConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        require_pairs(self.name, shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.project = nn.Linear(config.channels, config.channels)

    def targets(self, views: ViewBatch) -> VolumeContrastTargets:
        """Returns the overlap of view 0 with every other one, as a share of a view's volume."""
        extent = torch.tensor(views.size_vox, device=views.centres_mm.device) * torch.tensor(
            views.spacing_mm, device=views.centres_mm.device
        )
        apart_mm = (views.centres_mm[:, 1:] - views.centres_mm[:, :1]).float().abs()
        return VolumeContrastTargets(overlap=(1 - apart_mm / extent).clamp(min=0).prod(dim=-1))

    def forward(self, features: Features) -> VolumeContrastPrediction:
        """Returns the vector of each view."""
        return VolumeContrastPrediction(vectors=linear_float32(self.vector(features.levels[-1]), self.project))

    def loss(self, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets) -> dict[str, Tensor]:
        """Returns ``overlap`` and ``apart``."""
        missed = (prediction.overlap - targets.overlap).abs()
        bases = prediction.vectors[:, 1:]
        i, j = pair_index(bases.shape[1], bases.device)
        apart = cosine_similarity(bases[:, i], bases[:, j], dim=-1).abs()
        none = prediction.vectors.sum() * 0  # two views have one base, which differs from no other
        return {
            "overlap": -(1 - missed).clamp(min=LEAST).log().mean(),
            "apart": apart.mean() if apart.numel() else none,
        }

    @torch.no_grad()
    def metrics(self, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets) -> dict[str, Tensor]:
        """Returns the mean error of the overlap, and how often the base that holds most of the view is named."""
        return _figures(prediction.overlap, targets)

    @torch.no_grad()
    def rivals(self, views: ViewBatch, targets: VolumeContrastTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the figures of a guess: the mean overlap for every base, and any of them as the one that holds most."""
        mean = targets.overlap.mean().expand_as(targets.overlap)
        chance = torch.full((), 1 / targets.overlap.shape[1], device=targets.overlap.device)
        return {"trivial": {**_figures(mean, targets), "base_accuracy": chance}}

    @torch.no_grad()
    def picture(
        self, views: ViewBatch, prediction: VolumeContrastPrediction, targets: VolumeContrastTargets
    ) -> "Figure":
        """Returns true and predicted overlap with each base, for the first sets of the batch."""
        shown = min(4, views.batch)
        figure = new_figure(260 * shown + 60, 360)
        every = figure.subplots(1, shown, squeeze=False, sharey=True)[0]
        bases = torch.arange(1, targets.overlap.shape[1] + 1).numpy()
        for item, axes in enumerate(every):
            axes.bar(bases - 0.2, targets.overlap[item].cpu().numpy(), 0.4, color=TRUE, label="true")
            axes.bar(bases + 0.2, prediction.overlap[item].cpu().numpy(), 0.4, color=PREDICTED, label="predicted")
            axes.set_title(f"view set {item + 1}", loc="left", fontsize=9)
            axes.set_xlabel("neighbour", fontsize=9)
        every[0].set_ylabel("share of the view that lies in it", fontsize=9)
        every[0].set_ylim(0, 1)
        every[0].legend(fontsize=8)
        return figure


def _figures(overlap: Float[Tensor, "batch bases"], targets: VolumeContrastTargets) -> dict[str, Tensor]:
    most = targets.overlap.amax(dim=-1, keepdim=True)
    named = targets.overlap.gather(-1, overlap.argmax(dim=-1, keepdim=True))
    return {
        "overlap_error_share": (overlap - targets.overlap).abs().mean(),
        "base_accuracy": (named == most).float().mean(),
    }
