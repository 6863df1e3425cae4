"""The dense gap task: predict the position of every cell of a feature map in the scan, up to one offset per scan.

It extends the paper's coarse task (Zhang, Chen and Zhang, arXiv 2509.05967) to the cells of the feature map. Positions are
centred over all cells of all views of a scan, in the targets and in the prediction, so that the loss compares the gaps
between any two places in any of the views: the gap matrix at the granularity of cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.draw.plots import truth_scatter
from orienteer.geometry.frames import cell_offsets_mm
from orienteer.geometry.pairs import gap_matrix
from orienteer.tasks.base import Features, FeatureSpec, PlacedCells, PredictedGaps, Task, ViewShape
from orienteer.tasks.heads import full_precision, per_view, pointwise, position_read_out
from orienteer.tasks.misses import MissForm, component_miss
from orienteer.tasks.scales import LEAST_SCALE, ScaleHead, laplace_loss, pair_scales
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
    """Number of the encoder's level, finest first, whose cells predict their positions; -1 for the coarsest."""
    scale: bool = False
    """Predict the scale of the error of each position along each axis too: the error bar of a prediction."""
    miss: MissForm = "square"
    """``square``: mean squares of the errors. ``length``: mean lengths, whose gradient does not fade."""


@dataclass(frozen=True)
class DenseGapTargets:
    """The true position of every cell, mm, minus the mean over its scan."""

    places_mm: Float[Tensor, "batch views 3 cells0 cells1 cells2"]


@dataclass(frozen=True)
class DenseGapPrediction:
    """The predicted positions.

    Attributes:
        places: in units of ``unit_mm``, float32.
        scales: scale of their errors along each axis, in the same units; None without the option ``scale``.
    """

    places: Float[Tensor, "batch views 3 cells0 cells1 cells2"]
    scales: Float[Tensor, "batch views 3 cells0 cells1 cells2"] | None = None


class DenseGap(Task[DenseGapTargets, DenseGapPrediction]):
    """Predicts the position of every cell up to one offset per scan.

    Loss ``dense_gap``: mean squared error of the centred places in units of ``unit_mm``, three components added. It is
    half the mean squared error of the gaps between all pairs of places of a scan. With the option ``scale`` also
    ``dense_gap_scale``, the negative log likelihood of the errors (see `orienteer.tasks.scales`).

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = DenseGap(DenseGapConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 16, 4, 4, 4),))).places.shape
        torch.Size([1, 2, 3, 4, 4, 4])
    """

    name = "dense_gap"
    Config = DenseGapConfig
    minimum: ClassVar[Mapping[str, float]] = {"dense_gap": 0.0, "dense_gap_scale": 0.0}

    cell_offsets_mm: Tensor

    def __init__(self, config: DenseGapConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.level = range(len(self.specs))[max(config.level, -1) if config.level < len(self.specs) else -1]
        spec = self.specs[self.level]
        self.reduce = nn.Sequential(
            pointwise(spec.channels, config.channels), pointwise(config.channels, config.channels)
        )
        self.read_out = position_read_out(config.channels)
        if config.scale:
            self.scale = ScaleHead(config.channels)
        offsets_mm = cell_offsets_mm(shape.size_vox, spec.stride, shape.spacing_mm)
        self.register_buffer("cell_offsets_mm", offsets_mm, persistent=False)  # 3 cells0 cells1 cells2

    def targets(self, views: ViewBatch) -> DenseGapTargets:
        """Returns the centred positions of all cells, mm."""
        centres = views.centres_mm.float()
        centred = centres - centres.mean(dim=1, keepdim=True)
        return DenseGapTargets(places_mm=centred[..., None, None, None] + self.cell_offsets_mm.float())

    def forward(self, features: Features) -> DenseGapPrediction:
        """Returns the predicted, centred positions of all cells."""
        placed = self.placed_cells(features)
        centre = placed.places.mean(dim=(1, 3, 4, 5), keepdim=True)
        return DenseGapPrediction(places=placed.places - centre, scales=placed.scales)

    def placed_cells(self, features: Features) -> PlacedCells:
        """Returns the positions of all cells before they are centred: in a frame that depends on no other view."""
        cells = per_view(self.reduce, features.levels[self.level])
        with full_precision(cells.device):
            places = torch.einsum("bvc...,oc->bvo...", cells.float(), self.read_out.weight.float())
        scales = self.scale(cells.movedim(2, -1)).movedim(-1, 2) if self.config.scale else None
        return PlacedCells(places, scales)

    def loss(self, prediction: DenseGapPrediction, targets: DenseGapTargets) -> dict[str, Tensor]:
        """Returns ``dense_gap``, and ``dense_gap_scale`` if it is predicted."""
        errors = (prediction.places - targets.places_mm / self.shape.unit_mm).movedim(2, -1)
        added = 3 if self.config.miss == "square" else 1  # squares of the three components are added, not averaged
        losses = {"dense_gap": added * component_miss(errors, self.config.miss)}
        if prediction.scales is not None:
            scales = prediction.scales.movedim(2, -1)
            losses["dense_gap_scale"] = laplace_loss(errors, scales, LEAST_SCALE / 2**0.5)
        return losses

    def predicted_gaps(self, prediction: DenseGapPrediction) -> PredictedGaps:
        """Returns the gaps between views, each at the mean position of its cells, with their scales if these are predicted.

        The errors of a view's cells are nearly the same, so their mean has the scale of a cell, not a smaller one.
        """
        gaps = gap_matrix(prediction.places.mean(dim=(3, 4, 5)))
        if prediction.scales is None:
            return PredictedGaps(gaps)
        return PredictedGaps(gaps, pair_scales(prediction.scales.square().mean(dim=(3, 4, 5)).sqrt()))

    @torch.no_grad()
    def metrics(self, prediction: DenseGapPrediction, targets: DenseGapTargets) -> dict[str, Tensor]:
        """Returns the mean distance between predicted and true position, after the best common offset, in mm."""
        return _errors_mm(prediction.places * self.shape.unit_mm, targets)

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: DenseGapTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the errors of two baselines: one position for all cells, and each cell's position within its view."""
        zero = torch.zeros_like(targets.places_mm)
        return {
            "trivial": _errors_mm(zero, targets),
            "cell": _errors_mm(zero + self.cell_offsets_mm.float(), targets),
        }

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: DenseGapPrediction, targets: DenseGapTargets) -> "Figure":
        """Returns predicted against true positions of the first set's cells, axis by axis."""
        figure = new_figure(1250, 430)
        for axis, axes in enumerate(figure.subplots(1, 3)):
            true_mm = targets.places_mm[0, :, axis].flatten().cpu().numpy()
            predicted_mm = (prediction.places[0, :, axis].flatten() * self.shape.unit_mm).cpu().numpy()
            truth_scatter(axes, true_mm, predicted_mm, 0.0, f"position, {AXIS_NAMES[axis]}")
        return figure


def _errors_mm(places_mm: Float[Tensor, "batch views 3 _ _ _"], targets: DenseGapTargets) -> dict[str, Tensor]:
    return {"place_in_scan_error_mm": (places_mm - targets.places_mm).norm(dim=2).mean()}
