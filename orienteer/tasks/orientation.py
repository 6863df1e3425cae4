"""The orientation task: how is a view misread? Which of the 48 orientations, and how wrong is the voxel size on each axis?

Its examples are misread views (`orienteer.views.misread`), extra to those of a set, so that all other tasks see sound views
alone. Gidaris et al., *Unsupervised Representation Learning by Predicting Image Rotations*, ICLR 2018, predict a turn to
train an encoder; here the prediction itself is wanted, to check headers, and so mirrored axes and wrong voxel sizes, which
real headers have, are among the classes. Departures: all 48 signed permutations of the axes; their scores come mainly from
nine numbers, how much each axis looks like each axis of the body, which takes far fewer examples than 48 free classes; the
error of the voxel size is a regression with a scale of its own error (Laplace, as Kendall and Gal, *What Uncertainties Do
We Need in Bayesian Deep Learning for Computer Vision?*, NeurIPS 2017, equation 5 with an absolute error).
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
from orienteer.tasks.heads import ViewVector, linear_float32
from orienteer.tasks.masked import masked_accuracy, masked_mean
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch
from orienteer.views.misread import MisreadPolicy
from orienteer.views.rearrange import UNTOUCHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST_SCALE = 0.02
"""The scale of the error of a log factor is at least this, 2 %, so that the loss has a lower bound."""

SHOWN = 4
"""Views in a picture."""


@dataclass(frozen=True)
class OrientationConfig:
    """Settings of the orientation task."""

    channels: int = 64
    """Channels inside the head."""

    every: int = 4
    """One misread view is encoded for this many view sets."""

    largest_factor: float = 2.0
    """The largest error of the voxel size in training: from its inverse to it on each axis."""

    @property
    def misread(self) -> MisreadPolicy:
        """How views are misread for it."""
        return MisreadPolicy(self.every, self.largest_factor)


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
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = OrientationTask(OrientationConfig(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> prediction = task(Features((torch.zeros(1, 2, 16, 4, 4, 4),)))
        >>> prediction.orientation_scores.shape, prediction.log_factor.shape
        (torch.Size([1, 2, 48]), torch.Size([1, 2, 3]))
    """

    name = "orientation"
    spatial = False
    sees = "misread"
    Config = OrientationConfig
    minimum: ClassVar[Mapping[str, float]] = {"orientation": 0.0, "voxel_size": 0.0}
    axes_of: Tensor

    def __init__(self, config: OrientationConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.alignment = nn.Linear(config.channels, 9)
        self.single = nn.Linear(config.channels, len(ORIENTATIONS))
        self.factors = nn.Linear(config.channels, 6)
        matrices = np.stack([orientation.matrix.ravel() for orientation in ORIENTATIONS])
        self.register_buffer("axes_of", torch.from_numpy(matrices).float(), persistent=False)
        for layer in (self.alignment, self.single, self.factors):
            nn.init.normal_(layer.weight, std=0.1 / config.channels**0.5)
            nn.init.zeros_(layer.bias)

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
        vector = self.vector(features.levels[-1])
        aligned = linear_float32(vector, self.alignment) @ self.axes_of.float().T
        numbers = linear_float32(vector, self.factors)
        return OrientationPrediction(
            orientation_scores=aligned + linear_float32(vector, self.single),
            log_factor=numbers[..., :3],
            log_factor_scale=SMALLEST_SCALE + nn.functional.softplus(numbers[..., 3:] - 1),
        )

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
