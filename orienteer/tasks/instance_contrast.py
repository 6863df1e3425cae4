"""The instance contrast task: among all views of a batch, find the one that shows the same part of the same scan.

Chen, Kornblith, Norouzi and Hinton, *A Simple Framework for Contrastive Learning of Visual Representations* (SimCLR),
ICML 2020: its loss NT-Xent on views 2k and 2k+1, which overlap and are augmented differently. Departures:
augmentation is that of all other methods (intensity alone, and the shift between the two views in place of crops of
other sizes); negatives are the other views of the batch on one device, including other places of the same scan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from orienteer.draw.figures import new_figure
from orienteer.tasks.base import Features
from orienteer.tasks.heads import VectorConfig, per_view
from orienteer.tasks.masked import masked_accuracy, masked_mean
from orienteer.tasks.projected import ProjectedViews
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAW_POOL = 4
"""Voxels along each axis that the raw-intensity baseline averages."""


@dataclass(frozen=True)
class InstanceContrastConfig(VectorConfig):
    """Settings of the instance contrast task."""

    temperature: float = 0.1
    """Divides the cosines: the lower, the more the hardest negatives count."""


@dataclass(frozen=True)
class InstanceContrastTargets:
    """The true partners.

    Attributes:
        partner: number of the view in its set that shows the same part; its own number if there is none.
    """

    partner: Int64[Tensor, "batch views"]


@dataclass(frozen=True)
class InstanceContrastPrediction:
    """One vector per view, float32; only its direction matters."""

    vectors: Float[Tensor, "batch views channels"]


class InstanceContrast(ProjectedViews[InstanceContrastTargets, InstanceContrastPrediction]):
    """Distinguishes views of one part of a scan from all other views of the batch.

    Loss ``instance``: cross-entropy of the partner among all other views, by cosine over temperature.

    Example:
        >>> from orienteer.tasks.base import FeatureSpec, ViewShape
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=4, unit_mm=100.0)
        >>> task = InstanceContrast(InstanceContrastConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.randn(2, 4, 16, 4, 4, 4),))).vectors.shape
        torch.Size([2, 4, 64])
    """

    name = "instance_contrast"
    Config = InstanceContrastConfig
    minimum: ClassVar[Mapping[str, float]] = {"instance": 0.0}

    def targets(self, views: ViewBatch) -> InstanceContrastTargets:
        """Returns each view's partner: 1 for 0, 0 for 1, 3 for 2 and so on."""
        number = torch.arange(views.views, device=views.images.device)
        partner = torch.where(number ^ 1 < views.views, number ^ 1, number)
        return InstanceContrastTargets(partner=partner.repeat(views.batch, 1))

    def forward(self, features: Features) -> InstanceContrastPrediction:
        """Returns the vector of each view."""
        return InstanceContrastPrediction(vectors=self.vectors(features))

    def loss(self, prediction: InstanceContrastPrediction, targets: InstanceContrastTargets) -> dict[str, Tensor]:
        """Returns ``instance``: the mean over all views that have a partner."""
        cosines, partner, paired = _cosines(prediction.vectors, targets.partner)
        losses = cross_entropy(cosines / self.config.temperature, partner, reduction="none")
        return {"instance": masked_mean(losses, paired)}

    @torch.no_grad()
    def metrics(self, prediction: InstanceContrastPrediction, targets: InstanceContrastTargets) -> dict[str, Tensor]:
        """Returns ``partner_accuracy``: how often the partner is the most similar of all other views."""
        return {"partner_accuracy": _accuracy(prediction.vectors, targets.partner)}

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: InstanceContrastTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the accuracy of a guess, and that of the cosine of coarse raw intensities."""
        others = views.batch * views.views - 1
        pool = nn.AvgPool3d(min(RAW_POOL, *views.size_vox))
        raw = per_view(pool, views.images.float()).flatten(2)
        guess = torch.full((), 1 / max(1, others), device=views.images.device)
        return {
            "trivial": {"partner_accuracy": guess},
            "raw": {"partner_accuracy": _accuracy(raw - raw.mean(-1, keepdim=True), targets.partner)},
        }

    @torch.no_grad()
    def picture(
        self, views: ViewBatch, prediction: InstanceContrastPrediction, targets: InstanceContrastTargets
    ) -> "Figure":
        """Returns the cosines between all views of the batch; partners are framed."""
        cosines, partner, paired = _cosines(prediction.vectors, targets.partner)
        shown = cosines.clone().fill_diagonal_(1).cpu().numpy()
        figure = new_figure(620, 560)
        axes = figure.subplots()
        image = axes.imshow(shown, cmap="cividis", vmin=-1, vmax=1)
        for row, (column, has_partner) in enumerate(zip(partner.tolist(), paired.tolist(), strict=True)):
            if has_partner:
                axes.plot(column, row, "s", markersize=120 / len(shown) + 3, markerfacecolor="none", color="white")
        for edge in range(views.views, len(shown), views.views):
            axes.axhline(edge - 0.5, color="white", linewidth=0.8)
            axes.axvline(edge - 0.5, color="white", linewidth=0.8)
        axes.set_xlabel("view (lines separate scans)", fontsize=9)
        axes.set_ylabel("view", fontsize=9)
        figure.colorbar(image, ax=axes, label="cosine")
        percent = 100 * float(_accuracy(prediction.vectors, targets.partner))
        axes.set_title(f"partner (framed) is the most similar view for {percent:.0f} % of views", fontsize=10)
        return figure


def _cosines(
    vectors: Float[Tensor, "batch views channels"], partner: Int64[Tensor, "batch views"]
) -> tuple[Float[Tensor, "all all"], Int64[Tensor, " all"], Bool[Tensor, " all"]]:
    """Returns the cosines between all views of the batch (very low with themselves), their partners, and which have one."""
    batch, views = partner.shape
    flat = vectors.flatten(0, 1)
    cosines = cosine_similarity(flat[:, None], flat[None], dim=-1)
    itself = torch.eye(batch * views, dtype=torch.bool, device=vectors.device)
    first = torch.arange(batch, device=vectors.device)[:, None] * views
    index = (partner + first).flatten()
    paired = index != torch.arange(batch * views, device=vectors.device)
    return cosines.masked_fill(itself, -1e4), index, paired


def _accuracy(vectors: Float[Tensor, "batch views channels"], partner: Int64[Tensor, "batch views"]) -> Tensor:
    return masked_accuracy(*_cosines(vectors, partner))
