"""The dense gap task: every cell of a feature map tells where in the scan it lies, up to one offset per scan.

It takes the paper's coarse task (Zhang, Chen and Zhang, arXiv 2509.05967) down to the cells of the feature map. Positions
are centred over all cells of all views of a scan, in the truth as in the prediction, so that what is compared are the
gaps between any two places that any of the views shows: the gap matrix at the granularity of cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.draw.plots import truth_scatter
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import full_precision, pointwise
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class DenseGapConfig:
    """Settings of the dense gap task."""

    channels: int = 64
    """Channels inside the head."""
    level: int = -1
    """Number of the encoder's level, finest first, whose cells tell their places; -1 for the coarsest."""


@dataclass(frozen=True)
class DenseGapTargets:
    """The truth: the place of every cell, mm, less the mean of its scan's."""

    places_mm: Float[Tensor, "batch views 3 cells0 cells1 cells2"]


@dataclass(frozen=True)
class DenseGapPrediction:
    """What the head believes: the same in units of ``unit_mm``, float32."""

    places: Float[Tensor, "batch views 3 cells0 cells1 cells2"]


class DenseGap(Task[DenseGapTargets, DenseGapPrediction]):
    """Predicts the place of every cell up to one offset per scan.

    Loss ``dense_gap``: mean squared error of the centred places in units of ``unit_mm``, three components added. It is
    half the mean squared error of the gaps between all pairs of places of a scan.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = DenseGap(DenseGapConfig(), [FeatureSpec(8, (2, 2, 2)), FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 8, 8, 8, 8), torch.zeros(1, 2, 16, 4, 4, 4)))).places.shape
        torch.Size([1, 2, 3, 4, 4, 4])
    """

    name = "dense_gap"
    Config = DenseGapConfig
    minimum: ClassVar[Mapping[str, float]] = {"dense_gap": 0.0}

    cell_places_mm: Tensor

    def __init__(self, config: DenseGapConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.level = range(len(self.specs))[max(config.level, -1) if config.level < len(self.specs) else -1]
        spec = self.specs[self.level]
        self.reduce = nn.Sequential(
            pointwise(spec.channels, config.channels), pointwise(config.channels, config.channels)
        )
        self.read_out = nn.Linear(config.channels, 3, bias=False)
        nn.init.normal_(self.read_out.weight, std=0.1 / config.channels**0.5)
        middles = [
            ((torch.arange(cells) + 0.5) * stride - size / 2) * step
            for cells, stride, size, step in zip(
                spec.cells(shape.size_vox), spec.stride, shape.size_vox, shape.spacing_mm, strict=True
            )
        ]
        places = torch.stack(torch.meshgrid(*middles, indexing="ij"))
        self.register_buffer("cell_places_mm", places, persistent=False)  # 3 cells0 cells1 cells2, from the centre

    def targets(self, views: ViewBatch) -> DenseGapTargets:
        """Returns the centred places of all cells, mm."""
        centres = views.centres_mm.float()
        centred = centres - centres.mean(dim=1, keepdim=True)
        return DenseGapTargets(places_mm=centred[..., None, None, None] + self.cell_places_mm.float())

    def forward(self, features: Features) -> DenseGapPrediction:
        """Returns the centred places that the cells tell."""
        maps = features.levels[self.level]
        cells = self.reduce(rearrange(maps, "b v c x y z -> (b v) c x y z"))
        with full_precision(cells.device):
            places = torch.einsum("nc...,oc->no...", cells.float(), self.read_out.weight.float())
        places = rearrange(places, "(b v) axes x y z -> b v axes x y z", b=maps.shape[0])
        return DenseGapPrediction(places=places - places.mean(dim=(1, 3, 4, 5), keepdim=True))

    def loss(self, prediction: DenseGapPrediction, targets: DenseGapTargets) -> dict[str, Tensor]:
        """Returns ``dense_gap``."""
        missed = prediction.places - targets.places_mm / self.shape.unit_mm
        return {"dense_gap": missed.square().sum(dim=2).mean()}

    @torch.no_grad()
    def metrics(self, prediction: DenseGapPrediction, targets: DenseGapTargets) -> dict[str, Tensor]:
        """Returns the mean distance between told and true place, after the best common offset, in mm."""
        return _missed_mm(prediction.places * self.shape.unit_mm, targets)

    @torch.no_grad()
    def rivals(self, views: ViewBatch, targets: DenseGapTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the error of one place for all cells, and of knowing one's place within the view alone."""
        zero = torch.zeros_like(targets.places_mm)
        return {
            "trivial": _missed_mm(zero, targets),
            "cell": _missed_mm(zero + self.cell_places_mm.float(), targets),
        }

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: DenseGapPrediction, targets: DenseGapTargets) -> "Figure":
        """Returns told against true places of the first set's cells, axis by axis."""
        figure = new_figure(1250, 430)
        for axis, axes in enumerate(figure.subplots(1, 3)):
            true_mm = targets.places_mm[0, :, axis].flatten().cpu().numpy()
            told_mm = (prediction.places[0, :, axis].flatten() * self.shape.unit_mm).cpu().numpy()
            truth_scatter(axes, true_mm, told_mm, 0.0, f"place, {AXIS_NAMES[axis]}")
        return figure


def _missed_mm(places_mm: Float[Tensor, "batch views 3 _ _ _"], targets: DenseGapTargets) -> dict[str, Tensor]:
    return {"place_in_scan_error_mm": (places_mm - targets.places_mm).norm(dim=2).mean()}
