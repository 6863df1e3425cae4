"""The gap task: from two whole views, predict the displacement from one to the other.

The coarse task of Zhang, Chen and Zhang, *Spatial-Aware Self-Supervision for Medical 3D Imaging with Multi-Granularity
Observable Tasks*, arXiv 2509.05967 (2025). Departures from the authors' code: gaps are in mm of the body frame divided
by one length for all axes and scans (theirs ignore spacing); prediction and truth both read from i to j, and the
read-out has no bias, so that the predicted matrix is antisymmetric with a zero diagonal by construction (theirs is
mirrored and not zero on the diagonal); the head first reduces the channels, so that it stays small compared with any
encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.draw.figures import new_figure
from orienteer.draw.plots import matrix_pair, truth_scatter
from orienteer.geometry.pairs import distances, gap_matrix, pair_index
from orienteer.tasks.base import Features, FeatureSpec, PlacedCells, PredictedGaps, Task, ViewShape
from orienteer.tasks.heads import VectorConfig, ViewVector, linear_float32, position_read_out
from orienteer.tasks.histogram import fit_ridge, histogram_gaps
from orienteer.tasks.misses import MissForm, component_miss, number_miss
from orienteer.tasks.scales import LEAST_SCALE, ScaleHead, laplace_loss, pair_scales
from orienteer.tensors import GapsMm
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HISTOGRAM_BINS = 32


@dataclass(frozen=True)
class GapConfig(VectorConfig):
    """Settings of the gap task."""

    scale: bool = False
    """Predict the scale of the error of each gap along each axis too: the error bar of a prediction."""

    miss: MissForm = "square"
    """``square``: mean squares of the errors, as published. ``length``: mean lengths, whose gradient does not fade."""


@dataclass(frozen=True)
class GapTargets:
    """The true gaps.

    Attributes:
        gaps_mm: ``(batch, views, views, 3)``, from view i to view j, mm.
    """

    gaps_mm: GapsMm


@dataclass(frozen=True)
class GapPrediction:
    """The predicted gaps.

    Attributes:
        gaps: ``(batch, views, views, 3)``, from view i to view j, in units of ``unit_mm``, float32.
        scales: scale of their errors along each axis, in the same units; None without the option ``scale``.
    """

    gaps: Float[Tensor, "batch views views 3"]
    scales: Float[Tensor, "batch views views 3"] | None = None

    @property
    def distances(self) -> Float[Tensor, "batch views views"]:
        """Predicted distances between views, in units of ``unit_mm``."""
        return distances(self.gaps)


class Gap(Task[GapTargets, GapPrediction]):
    """Predicts the gap ``W (z_j - z_i)`` between whole views.

    Losses (each 0 for a perfect prediction): ``gap``, the mean squared error of the three components, and
    ``distance``, the mean squared error of the length, both over pairs i < j in units of ``unit_mm``; with
    ``miss: length`` the mean length of the error and the mean absolute error. With the option ``scale`` also ``gap_scale``,
    the negative log likelihood of the errors (see `orienteer.tasks.scales`).

    Example:
        >>> shape = ViewShape(size_vox=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0), views=3, unit_mm=100.0)
        >>> task = Gap(GapConfig(), [FeatureSpec(channels=64, stride=(8, 8, 8))], shape)
        >>> gaps = task(Features(levels=(torch.randn(2, 3, 64, 4, 4, 4),))).gaps
        >>> torch.allclose(gaps[:, 0, 1] + gaps[:, 1, 2], gaps[:, 0, 2], atol=1e-5)  # by its form
        True
    """

    name = "gap"
    pairs = True
    Config = GapConfig
    minimum: ClassVar[Mapping[str, float]] = {"gap": 0.0, "distance": 0.0, "gap_scale": 0.0}

    mean_distance_mm: Tensor
    histogram_weights_mm: Tensor

    def __init__(self, config: GapConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.read_out = position_read_out(config.channels)
        if config.scale:
            self.scale = ScaleHead(config.channels)
        # NaN until fit_baselines has seen training views: a baseline that was not fitted must not look as if it was.
        self.register_buffer("mean_distance_mm", torch.tensor(float("nan")))
        self.register_buffer("histogram_weights_mm", torch.full((HISTOGRAM_BINS, 3), float("nan")))

    def targets(self, views: ViewBatch) -> GapTargets:
        """Returns the gaps between the centres of the views, mm."""
        return GapTargets(gaps_mm=gap_matrix(views.centres_mm.float()))

    def forward(self, features: Features) -> GapPrediction:
        """Returns the predicted gaps between all views of each set."""
        # W (z_j - z_i) = W z_j - W z_i: one read-out per view instead of one per pair.
        z = self.vector(features.levels[-1])
        scales = pair_scales(self.scale(z)) if self.config.scale else None
        return GapPrediction(gaps=gap_matrix(linear_float32(z, self.read_out)), scales=scales)

    def loss(self, prediction: GapPrediction, targets: GapTargets) -> dict[str, Tensor]:
        """Returns ``gap`` and ``distance`` in units of ``unit_mm`` or their squares, and ``gap_scale``."""
        i, j = pair_index(targets.gaps_mm.shape[1], targets.gaps_mm.device)
        truth, predicted = targets.gaps_mm[:, i, j] / self.shape.unit_mm, prediction.gaps[:, i, j]
        losses = {
            "gap": component_miss(predicted - truth, self.config.miss),
            "distance": number_miss(distances(predicted) - distances(truth), self.config.miss),
        }
        if prediction.scales is not None:
            losses["gap_scale"] = laplace_loss(predicted - truth, prediction.scales[:, i, j], LEAST_SCALE)
        return losses

    def placed_cells(self, features: Features) -> PlacedCells:
        """Returns the position of each view, as the one cell of a level."""
        z = self.vector(features.levels[-1])
        scales = self.scale(z)[..., None, None, None] if self.config.scale else None
        return PlacedCells(linear_float32(z, self.read_out)[..., None, None, None], scales)

    def metrics(self, prediction: GapPrediction, targets: GapTargets) -> dict[str, Tensor]:
        """Returns the mean length of the error vector and the mean error of the distance, over pairs i < j, in mm."""
        gaps_mm = prediction.gaps.detach() * self.shape.unit_mm
        return _errors_mm(gaps_mm, distances(gaps_mm), targets)

    def predicted_gaps(self, prediction: GapPrediction) -> PredictedGaps:
        """Returns the predicted gaps, with their scales if these are predicted."""
        return PredictedGaps(prediction.gaps, prediction.scales)

    def fit_baselines(self, batches: Sequence[ViewBatch]) -> None:
        """Fits the mean training distance, and the ridge regression from intensity histograms to gaps."""
        centres, images = torch.cat([b.centres_mm for b in batches]), torch.cat([b.images for b in batches])
        scans = [scan for batch in batches for scan in batch.scans]
        i, j = pair_index(centres.shape[1], centres.device)
        gaps_mm = gap_matrix(centres.float())
        self.mean_distance_mm = distances(gaps_mm[:, i, j]).mean().to(self.mean_distance_mm.device)
        weights_mm = fit_ridge(images, gaps_mm, scans, HISTOGRAM_BINS)
        self.histogram_weights_mm = weights_mm.to(self.histogram_weights_mm.device)

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: GapTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the errors of two baselines without spatial information.

        ``trivial``: gap zero, and the mean training distance. ``histogram``: a ridge regression on the difference of
        the views' intensity histograms. What is fitted to training views is NaN before `fit_baselines`.
        """
        zero = torch.zeros_like(targets.gaps_mm)
        by_histogram = histogram_gaps(views.images, self.histogram_weights_mm)
        return {
            "trivial": _errors_mm(zero, self.mean_distance_mm.float().expand(zero.shape[:-1]), targets),
            "histogram": _errors_mm(by_histogram, distances(by_histogram), targets),
        }

    def picture(self, views: ViewBatch, prediction: GapPrediction, targets: GapTargets) -> "Figure":
        """Returns both distance matrices of the first view set, and all predicted against true distances, in mm."""
        figure = new_figure(1200, 420)
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2))[0]
        predicted_mm = (prediction.distances.detach() * self.shape.unit_mm).cpu().numpy()
        truth_mm = distances(targets.gaps_mm).cpu().numpy()
        matrix_pair(left, truth_mm[0], predicted_mm[0])
        i, j = (index.numpy() for index in pair_index(truth_mm.shape[1]))
        trivial_mm = float(self.mean_distance_mm)
        truth_scatter(right.subplots(), truth_mm[:, i, j].ravel(), predicted_mm[:, i, j].ravel(), trivial_mm)
        return figure


def _errors_mm(
    gaps_mm: GapsMm, distances_mm: Float[Tensor, "batch views views"], targets: GapTargets
) -> dict[str, Tensor]:
    i, j = pair_index(gaps_mm.shape[1], gaps_mm.device)
    truth_mm = targets.gaps_mm[:, i, j]
    return {
        "gap_error_mm": distances(gaps_mm[:, i, j] - truth_mm).mean(),
        "distance_error_mm": (distances_mm[:, i, j] - distances(truth_mm)).abs().mean(),
    }
