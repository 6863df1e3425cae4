"""The orientation task: how is a scan misread? Which of the 48 orientations, and how wrong is the voxel size on each axis?

Its examples are misread views (`orienteer.views.misread`): large, coarse boxes, extra to the views of the sets, so that all
other tasks see sound views alone. Gidaris et al., *Unsupervised Representation Learning by Predicting Image Rotations*, ICLR
2018, predict a turn to train an encoder; here the prediction itself is wanted, to check headers. Departures:

- all 48 signed permutations of the axes are classes, and the voxel size is part of the task, since headers have such faults;
- the scores come mainly from nine numbers, how much each axis looks like each axis of the body: far fewer examples needed;
- a small network of its own looks at coarse views of much of the scan. Heads on the encoder's features of misread views of
  usual size learned nothing in 700 steps on real CT (accuracy 2.5 %, chance 2.1 %), cost an encoder pass for each example,
  and would turn what the encoder knows of places; this network costs a few milliseconds and leaves the encoder alone;
- the error of the voxel size is a regression with a scale of its own error (a Laplace distribution, as Kendall and Gal, *What
  Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?*, NeurIPS 2017, with an absolute error).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from orienteer.draw.figures import new_figure
from orienteer.draw.slices import PLANES
from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import full_precision, linear_float32, per_view, pointwise
from orienteer.tasks.masked import masked_accuracy, masked_mean
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch
from orienteer.views.misread import MisreadPolicy
from orienteer.views.rearrange import UNTOUCHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST_SCALE = 0.02
"""The scale of the error of a log factor is at least this, 2 %, so that the loss has a lower bound."""

HIDDEN = 64
"""Numbers in the vector of a view."""

SHOWN = 4
"""Views in a picture."""


@dataclass(frozen=True)
class OrientationConfig:
    """Settings of the orientation task."""

    channels: int = 12
    """Channels of the network's first level; the next ones have two and four times as many."""

    every: int = 4
    """One view set of this many has misread views."""

    examples: int = 16
    """Number of misread views of such a set."""

    extent: float = 2.0
    """Edge of a misread view, in edges of a usual view (the longest one)."""

    edge_vox: int = 24
    """Edge of a misread view in voxels."""

    largest_factor: float = 2.0
    """The largest error of the voxel size in training: from its inverse to it on each axis."""

    def misread(self, shape: ViewShape) -> MisreadPolicy:
        """Returns how views are misread for it."""
        longest_mm = max(size * length for size, length in zip(shape.size_vox, shape.spacing_mm, strict=True))
        return MisreadPolicy(self.extent * longest_mm, self.every, self.examples, self.edge_vox, self.largest_factor)


@dataclass(frozen=True)
class OrientationTargets:
    """How the views were misread.

    Attributes:
        orientation: number in `ORIENTATIONS`; ``UNTOUCHED`` for views that are no examples.
        log_factor: log of the stated over the true voxel size along each axis as stated.
    """

    orientation: Int64[Tensor, "batch views"]
    log_factor: Float[Tensor, "batch views 3"]


@dataclass(frozen=True)
class OrientationPrediction:
    """How the views are predicted to be misread, float32.

    Attributes:
        orientation_scores: one score per orientation, before the softmax.
        log_factor: log of the stated over the true voxel size along each axis as stated.
        log_factor_scale: expected absolute error of each ``log_factor``.
    """

    orientation_scores: Float[Tensor, "batch views 48"]
    log_factor: Float[Tensor, "batch views 3"]
    log_factor_scale: Float[Tensor, "batch views 3"]


class OrientationTask(Task[OrientationTargets, OrientationPrediction]):
    """Tells how views are misread: their orientation and the errors of their voxel size.

    Losses, means over the examples, 0 if there are none: ``orientation``, cross-entropy over the 48 orientations, and
    ``voxel_size``, the negative log-likelihood of the log factors under a Laplace distribution, above that of a perfect
    prediction.

    Example:
        >>> shape = ViewShape(size_vox=(24, 24, 24), spacing_mm=(10.0, 10.0, 10.0), views=16, unit_mm=100.0)
        >>> task = OrientationTask(OrientationConfig(), [FeatureSpec(1, (1, 1, 1))], shape)
        >>> prediction = task(Features((torch.zeros(1, 16, 1, 24, 24, 24),)))
        >>> prediction.orientation_scores.shape, prediction.log_factor.shape
        (torch.Size([1, 16, 48]), torch.Size([1, 16, 3]))
    """

    name = "orientation"
    spatial = False
    sees = "misread"
    Config = OrientationConfig
    minimum: ClassVar[Mapping[str, float]] = {"orientation": 0.0, "voxel_size": 0.0}
    axes_of: Tensor

    def __init__(self, config: OrientationConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        width = config.channels
        self.network = nn.Sequential(
            pointwise(self.specs[-1].channels, width) if self.specs[-1].channels > width else nn.Identity(),
            _level(min(self.specs[-1].channels, width), width, stride=2),
            _level(width, 2 * width, stride=2),
            _level(2 * width, 4 * width, stride=2),
            _level(4 * width, 4 * width, stride=1),
            nn.Conv3d(4 * width, width, kernel_size=1),
            nn.AdaptiveAvgPool3d(3),
            nn.Flatten(),
            nn.Linear(27 * width, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
        )
        self.alignment = nn.Linear(HIDDEN, 9)
        self.single = nn.Linear(HIDDEN, len(ORIENTATIONS))
        self.factors = nn.Linear(HIDDEN, 6)
        matrices = np.stack([orientation.matrix.ravel() for orientation in ORIENTATIONS])
        self.register_buffer("axes_of", torch.from_numpy(matrices).float(), persistent=False)

    def targets(self, views: ViewBatch) -> OrientationTargets:
        """Returns how the views were misread; views of another batch are no examples."""
        if views.misreading is None:
            shape, device = (views.batch, views.views), views.images.device
            return OrientationTargets(
                torch.full(shape, UNTOUCHED, device=device), torch.zeros(*shape, 3, device=device)
            )
        return OrientationTargets(views.misreading.orientation, views.misreading.log_factor.float())

    def forward(self, features: Features) -> OrientationPrediction:
        """Returns scores of the orientations and the errors of the voxel size."""
        vector = per_view(self._vectors, features.levels[-1])
        aligned = linear_float32(vector, self.alignment) @ self.axes_of.float().T
        numbers = linear_float32(vector, self.factors)
        return OrientationPrediction(
            orientation_scores=aligned + linear_float32(vector, self.single),
            log_factor=numbers[..., :3],
            log_factor_scale=SMALLEST_SCALE + nn.functional.softplus(numbers[..., 3:] - 1),
        )

    def _vectors(self, maps: Float[Tensor, "items channels _ _ _"]) -> Float[Tensor, "items hidden"]:
        """Returns a vector of each view, in float32: half precision gains nothing on a network of this size."""
        weights = {name: weight.float() for name, weight in self.network.named_parameters()}
        with full_precision(maps.device):
            vectors: Tensor = torch.func.functional_call(self.network, weights, maps.float())
        return vectors

    def loss(self, prediction: OrientationPrediction, targets: OrientationTargets) -> dict[str, Tensor]:
        """Returns ``orientation`` and ``voxel_size``."""
        scores, truth = prediction.orientation_scores, targets.orientation
        counted = truth != UNTOUCHED
        total = nn.functional.cross_entropy(
            scores.flatten(0, 1), truth.flatten(), ignore_index=UNTOUCHED, reduction="sum"
        )
        scale = prediction.log_factor_scale
        errors = (prediction.log_factor - targets.log_factor).abs()
        surprise = (errors / scale + (scale / SMALLEST_SCALE).log()).mean(-1)
        return {"orientation": total / counted.sum().clamp(min=1), "voxel_size": masked_mean(surprise, counted)}

    @torch.no_grad()
    def metrics(self, prediction: OrientationPrediction, targets: OrientationTargets) -> dict[str, Tensor]:
        """Returns how often the orientation is right (1 if there are no examples), and the mean error of the factors."""
        truth = targets.orientation
        return {
            "orientation_accuracy": masked_accuracy(prediction.orientation_scores, truth, truth != UNTOUCHED),
            "voxel_size_error_share": _factor_error(prediction.log_factor, targets),
        }

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: OrientationTargets) -> Mapping[str, Mapping[str, Tensor]]:
        """Returns the metrics of a guess among all orientations, and of a voxel size taken as it is stated."""
        examples = (targets.orientation != UNTOUCHED).any()
        chance = torch.full((), 1 / len(ORIENTATIONS), device=examples.device)
        guess = {
            "orientation_accuracy": torch.where(examples, chance, torch.ones_like(chance)),
            "voxel_size_error_share": _factor_error(torch.zeros_like(targets.log_factor), targets),
        }
        return {"trivial": guess}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: OrientationPrediction, targets: OrientationTargets) -> "Figure":
        """Returns central slices of the first misread views, with their true and predicted errors."""
        figure = new_figure(1100, 520)
        shown = [(item, view) for item in range(views.batch) for view in range(views.views)][:SHOWN]
        columns = figure.subplots(2, len(shown), squeeze=False).T
        for (item, view), column in zip(shown, columns, strict=True):
            one = _one_set(views, item)
            for axes, axis in zip(column, (1, 2), strict=True):
                scene.show_central_slice(axes, one, view, axis)
                axes.set_title(PLANES[axis], loc="left", fontsize=8)
            true, guess = int(targets.orientation[item, view]), int(prediction.orientation_scores[item, view].argmax())
            lines = [
                f"true: {_words(true, targets.log_factor[item, view])}",
                f"predicted: {_words(guess, prediction.log_factor[item, view])}",
            ]
            column[0].set_title("\n".join(lines), loc="left", fontsize=8)
        return figure


def _level(channels: int, width: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv3d(channels, width, kernel_size=3, stride=stride, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(min(4, width), width), nn.GELU())


def _factor_error(log_factor: Float[Tensor, "batch views 3"], targets: OrientationTargets) -> Float[Tensor, ""]:
    """Returns the mean absolute error of the log factors, about their relative error; 0 if there are no examples."""
    errors = (log_factor - targets.log_factor).abs().mean(-1)
    return masked_mean(errors, targets.orientation != UNTOUCHED)


def _one_set(views: ViewBatch, item: int) -> ViewBatch:
    at = slice(item, item + 1)
    return ViewBatch(views.images[at], views.centres_mm[at], views.scans[at], views.spacing_mm)


def _words(number: int, log_factor: Float[Tensor, "3"]) -> str:
    """Returns an orientation and factors in a few characters: the body's axis along each axis, "-" where mirrored."""
    if number == UNTOUCHED:
        return "no example"
    orientation = ORIENTATIONS[number]
    axes = [
        ("-" if sign < 0 else "") + AXIS_NAMES[axis]
        for axis, sign in zip(orientation.axes, orientation.signs, strict=True)
    ]
    factors = " ".join(f"{factor:.2f}" for factor in log_factor.exp().tolist())
    return f"{', '.join(axes)}\nvoxels x {factors}"
