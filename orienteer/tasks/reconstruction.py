"""The reconstruction task: restore the original view from one in which something was hidden or changed.

With blocks hidden this is masked image modelling: He et al., *Masked Autoencoders Are Scalable Vision Learners*, CVPR
2022; Xie et al., *SimMIM*, CVPR 2022, whose dense form (hidden voxels become one constant, the loss covers these alone) is
used here, since it suits every convolutional encoder; for 3D medical scans Wald et al., *Revisiting MAE
pre-training for 3D medical image segmentation*, CVPR 2025. With the distortions of Models Genesis (Zhou et al., MICCAI
2019; Medical Image Analysis 2021) and the loss over all voxels it is their task. Departures: the decoder is a light
pyramid, so that what is learned ends up in the encoder, whose weights are the result; views are those of all other
methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from orienteer.draw.figures import new_figure
from orienteer.settings import require
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import Pointwise, Pyramid, per_view
from orienteer.tasks.masked import masked_mean
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Voxels = Float[Tensor, "batch views 1 size0 size1 size2"]
"""Normalised voxels of all views."""

Mask = Bool[Tensor, "batch views 1 size0 size1 size2"]
"""Some of the voxels of all views."""

FLAT = 1e-6
"""Lower limit of the total squared deviation that errors are divided by: views without contrast have none."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """Settings of the reconstruction task."""

    channels: int = 16
    """Channels of the pyramid: at the finest level its cost soon exceeds that of the encoder."""
    level: int = 0
    """Number of the encoder's level, finest first, whose cells restore the voxels that they span. Level 1 costs an eighth of
    level 0, and finer levels are not used."""
    where: Literal["hidden", "all"] = "hidden"
    """Which voxels count: those that were hidden, or all of them. If nothing was hidden in a batch, all count."""
    every: int = 1
    """In training, restore every view (1), or every second, third ... view of a set: 2 where every second view is masked, since
    whole views would cost time and count for nothing."""


@dataclass(frozen=True)
class ReconstructionTargets:
    """The original views.

    Attributes:
        clean: the original views.
        seen: the views as the encoder saw them.
        counted: which voxels count.
    """

    clean: Voxels
    seen: Voxels
    counted: Mask


@dataclass(frozen=True)
class ReconstructionPrediction:
    """The predicted intensity of every voxel, float32."""

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
        require(
            config.level >= 0, "tasks.reconstruction.level", "0 or more", config.level, "use 0 for the finest level"
        )
        require(config.every >= 1, "tasks.reconstruction.every", "1 or more", config.every, "use 1 for all views")
        self.level = min(config.level, len(self.specs) - 1)
        stride = self.specs[self.level].stride
        self.pyramid = Pyramid(self.specs, config.channels, self.level)
        self.read_out = Pointwise(config.channels, stride[0] * stride[1] * stride[2])

    def targets(self, views: ViewBatch) -> ReconstructionTargets:
        """Returns the original views that are restored, and which voxels count."""
        restored = self._restored(views.views)
        clean, seen = views.clean[:, restored].float(), views.images[:, restored].float()
        counted = torch.ones_like(clean, dtype=torch.bool)
        if self.config.where == "hidden" and views.distorted is not None:
            hidden = views.distorted.hidden[:, restored]
            counted = hidden | ~hidden.any()
        return ReconstructionTargets(clean=clean, seen=seen, counted=counted)

    def forward(self, features: Features) -> ReconstructionPrediction:
        """Returns the restored views: each cell of the task's level predicts the voxels that it spans."""
        maps = self.pyramid([level[:, self._restored(level.shape[1])] for level in features.levels])
        s0, s1, s2 = self.specs[self.level].stride
        cells = per_view(self.read_out, maps)
        voxels = rearrange(cells, "b v (s0 s1 s2) x y z -> b v 1 (x s0) (y s1) (z s2)", s0=s0, s1=s1, s2=s2)
        return ReconstructionPrediction(voxels=voxels.float())

    def loss(self, prediction: ReconstructionPrediction, targets: ReconstructionTargets) -> dict[str, Tensor]:
        """Returns ``reconstruction``: mean squared error over the voxels that count."""
        return {"reconstruction": masked_mean((prediction.voxels - targets.clean).square(), targets.counted)}

    def _restored(self, views: int) -> slice:
        """Returns which views of a set are restored: in validation all."""
        every = min(self.config.every, views) if self.training else 1
        return slice(every - 1, None, every)

    @torch.no_grad()
    def metrics(self, prediction: ReconstructionPrediction, targets: ReconstructionTargets) -> dict[str, Tensor]:
        """Returns ``unrestored_share``: the squared error as a fraction of that of predicting each view's mean."""
        return {"unrestored_share": _unrestored(prediction.voxels, targets)}

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: ReconstructionTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the metrics of two baselines: ``trivial``, the mean of the voxels that do not count (of all voxels, if
        all count), and ``input``, the view as the encoder saw it."""
        mean = _mean(targets.seen, _or_whole(~targets.counted)).expand_as(targets.clean)
        return {
            "trivial": {"unrestored_share": _unrestored(mean, targets)},
            "input": {"unrestored_share": _unrestored(targets.seen, targets)},
        }

    @torch.no_grad()
    def picture(
        self, views: ViewBatch, prediction: ReconstructionPrediction, targets: ReconstructionTargets
    ) -> "Figure":
        """Returns central slices of the first views of which voxels count: as the encoder saw them, restored, and original."""
        counting = torch.nonzero(targets.counted[0].flatten(1).any(1)).flatten().tolist() or range(views.views)
        shown = counting[:3]
        figure = new_figure(900, 290 * len(shown))
        rows = figure.subplots(len(shown), 3, squeeze=False)
        columns = (("input", targets.seen), ("restored", prediction.voxels), ("original", targets.clean))
        for view, row in zip(shown, rows, strict=True):
            for axes, (name, voxels) in zip(row, columns, strict=True):
                scene.show_central_slice(axes, views, view, axis=1, voxels=voxels)
                axes.set_title(f"view {view + 1}, {name}", loc="left", fontsize=9)
        percent = 100 * float(_unrestored(prediction.voxels, targets))
        figure.suptitle(f"not restored: {percent:.0f} % of the variance of this batch", fontsize=10)
        return figure


def _or_whole(mask: Mask) -> Mask:
    """Returns the mask, with all voxels of those views in which it has none."""
    return mask | ~mask.flatten(2).any(-1)[:, :, None, None, None, None]


def _mean(voxels: Voxels, where: Mask) -> Float[Tensor, "batch views 1 1 1 1"]:
    """Returns the mean of each view over the voxels of a mask."""
    axes = (2, 3, 4, 5)
    return (voxels * where).sum(axes, keepdim=True) / where.sum(axes, keepdim=True).clamp(min=1)


def _unrestored(voxels: Voxels, targets: ReconstructionTargets) -> Tensor:
    """Returns the squared error divided by that of each view's mean, both over the voxels that count of all views."""
    mean = _mean(targets.clean, targets.counted)
    spread = ((targets.clean - mean).square() * targets.counted).sum()
    errors = ((voxels - targets.clean).square() * targets.counted).sum()
    return errors / spread.clamp(min=FLAT)
