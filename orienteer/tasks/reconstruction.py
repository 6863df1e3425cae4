"""The reconstruction task: from a view in which something was hidden or changed, restore the view as it was.

With blocks hidden this is masked image modelling: He et al., *Masked Autoencoders Are Scalable Vision Learners*, CVPR
2022; Xie et al., *SimMIM*, CVPR 2022, whose dense form (hidden voxels become one constant, the loss counts them alone) is
the one taken here, since it suits every convolutional encoder; for 3D medical scans Wald et al., *Revisiting MAE
pre-training for 3D medical image segmentation*, CVPR 2025. With the distortions of Models Genesis (Zhou et al., MICCAI
2019; Medical Image Analysis 2021) and the loss over all voxels it is theirs. Departures: the decoder is a light pyramid,
so that what is learned ends up in the encoder, which is what is handed over; views are those of all other methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.draw.slices import show_slice
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import Pyramid
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Voxels = Float[Tensor, "batch views 1 size0 size1 size2"]
"""Normalised voxels of all views."""

FLAT = 1e-6
"""Below this mean squared deviation a view shows nothing to restore."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """Settings of the reconstruction task."""

    channels: int = 16
    """Channels of the pyramid: at the finest level its cost soon passes that of the encoder."""
    where: Literal["hidden", "all"] = "hidden"
    """Which voxels count: those that were hidden, or all of them. Where nothing was hidden, all count."""


@dataclass(frozen=True)
class ReconstructionTargets:
    """The truth.

    Attributes:
        clean: the views as they were.
        seen: the views that the encoder saw.
        counted: which voxels count.
    """

    clean: Voxels
    seen: Voxels
    counted: Bool[Tensor, "batch views 1 size0 size1 size2"]


@dataclass(frozen=True)
class ReconstructionPrediction:
    """What the head makes of every voxel, float32."""

    voxels: Voxels


class Reconstruction(Task[ReconstructionTargets, ReconstructionPrediction]):
    """Restores views, voxel by voxel.

    Loss ``reconstruction``: mean squared error over the voxels that count, in normalised intensity.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = Reconstruction(ReconstructionConfig(), [FeatureSpec(8, (2, 2, 2)), FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 8, 8, 8, 8), torch.zeros(1, 2, 16, 4, 4, 4)))).voxels.shape
        torch.Size([1, 2, 1, 16, 16, 16])
    """

    name = "reconstruction"
    spatial = False
    Config = ReconstructionConfig
    minimum: ClassVar[Mapping[str, float]] = {"reconstruction": 0.0}

    def __init__(self, config: ReconstructionConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        stride = self.specs[0].stride
        self.pyramid = Pyramid(self.specs, config.channels)
        self.read_out = nn.Conv3d(config.channels, stride[0] * stride[1] * stride[2], kernel_size=1)

    def targets(self, views: ViewBatch) -> ReconstructionTargets:
        """Returns the views as they were, and which voxels count."""
        counted = torch.ones_like(views.clean, dtype=torch.bool)
        if self.config.where == "hidden" and views.distorted is not None:
            hidden = views.distorted.hidden
            # A view without a hidden voxel counts whole, so that there is always something to learn from.
            counted = hidden | ~hidden.flatten(2).any(-1)[:, :, None, None, None, None]
        return ReconstructionTargets(clean=views.clean.float(), seen=views.images.float(), counted=counted)

    def forward(self, features: Features) -> ReconstructionPrediction:
        """Returns the restored views: each cell of the finest level gives the voxels that it spans."""
        maps = self.pyramid(features.levels)
        s0, s1, s2 = self.specs[0].stride
        cells = self.read_out(rearrange(maps, "b v c x y z -> (b v) c x y z"))
        voxels = rearrange(
            cells,
            "(b v) (s0 s1 s2) x y z -> b v 1 (x s0) (y s1) (z s2)",
            b=maps.shape[0],
            s0=s0,
            s1=s1,
            s2=s2,
        )
        return ReconstructionPrediction(voxels=voxels.float())

    def loss(self, prediction: ReconstructionPrediction, targets: ReconstructionTargets) -> dict[str, Tensor]:
        """Returns ``reconstruction``: mean squared error over the voxels that count."""
        squared = (prediction.voxels - targets.clean).square() * targets.counted
        return {"reconstruction": squared.sum() / targets.counted.sum().clamp(min=1)}

    @torch.no_grad()
    def metrics(self, prediction: ReconstructionPrediction, targets: ReconstructionTargets) -> dict[str, Tensor]:
        """Returns ``unrestored_share``: the squared error as a share of that of each view's own mean; 1 is no better."""
        return {"unrestored_share": _unrestored(prediction.voxels, targets)}

    @torch.no_grad()
    def rivals(self, views: ViewBatch, targets: ReconstructionTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the share that two guesses leave: ``trivial``, the mean of the voxels that are not counted (of all,
        where all count), and ``input``, the view as the encoder saw it."""
        shown = ~targets.counted
        shown |= ~shown.flatten(2).any(-1)[:, :, None, None, None, None]
        mean = _mean(targets.seen, shown).expand_as(targets.clean)
        return {
            "trivial": {"unrestored_share": _unrestored(mean, targets)},
            "input": {"unrestored_share": _unrestored(targets.seen, targets)},
        }

    @torch.no_grad()
    def picture(
        self, views: ViewBatch, prediction: ReconstructionPrediction, targets: ReconstructionTargets
    ) -> "Figure":
        """Returns the middle slices of the first views: as they were seen, restored, and as they are."""
        shown = min(3, views.views)
        figure = new_figure(900, 290 * shown)
        rows = figure.subplots(shown, 3, squeeze=False)
        places = (("seen", targets.seen), ("restored", prediction.voxels), ("as it is", targets.clean))
        for view, row in enumerate(rows):
            for axes, (name, voxels) in zip(row, places, strict=True):
                volume = voxels[0, view, 0].detach().cpu().numpy()
                first_mm = scene.voxels_to_mm(views, view, torch.zeros(3).numpy()).tolist()
                show_slice(axes, volume, 1, views.size_vox[1] // 2, views.spacing_mm, first_mm, scene.INTENSITIES)
                axes.set_title(f"view {view + 1}, {name}", loc="left", fontsize=9)
        share = float(_unrestored(prediction.voxels, targets))
        figure.suptitle(f"not restored: {100 * share:.0f} % of the variance, over this batch", fontsize=10)
        return figure


def _mean(voxels: Voxels, where: Bool[Tensor, "batch views 1 size0 size1 size2"]) -> Tensor:
    """Returns the mean of each view over some of its voxels."""
    axes = (2, 3, 4, 5)
    return (voxels * where).sum(axes, keepdim=True) / where.sum(axes, keepdim=True).clamp(min=1)


def _unrestored(voxels: Voxels, targets: ReconstructionTargets) -> Tensor:
    """Returns the squared error over that of each view's own mean, both over the voxels that count of all views."""
    mean = _mean(targets.clean, targets.counted)
    spread = ((targets.clean - mean).square() * targets.counted).sum()
    missed = ((voxels - targets.clean).square() * targets.counted).sum()
    return missed / spread.clamp(min=FLAT)
