"""The contract of a task: targets, prediction, losses, metrics, baselines and picture.

A task is one file with its Config, Targets, Prediction, head, loss, metrics and picture. Tasks never import each other
and never see the encoder: they receive `Features` and, when built, the `FeatureSpec` of every level and the `ViewShape`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from orienteer.settings import require
from orienteer.types import Triple, TripleMm
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from orienteer.tasks.graded import PairValues


@dataclass(frozen=True)
class FeatureSpec:
    """One level of feature maps: its number of channels, and how many voxels a cell spans per axis."""

    channels: int
    stride: Triple

    def cells(self, size_vox: Triple) -> Triple:
        """Returns the number of cells per axis for a view of ``size_vox`` voxels."""
        c0, c1, c2 = (size // stride for size, stride in zip(size_vox, self.stride, strict=True))
        return c0, c1, c2


@dataclass(frozen=True)
class Features:
    """Feature maps of all views of a batch, finest level first.

    Attributes:
        levels: one ``(batch, views, channels, cells0, cells1, cells2)`` map per level. With a teacher, view 0 is
            encoded by the student and has gradients; all others are encoded by the teacher and have none.
    """

    # The underscores keep each level's own sizes: one tuple holds maps of several shapes.
    levels: tuple[Float[Tensor, "batch views _channels _cells0 _cells1 _cells2"], ...]


@dataclass(frozen=True)
class ViewShape:
    """The size, spacing and number of the views of a run.

    Attributes:
        size_vox: size of a view in voxels, array order.
        spacing_mm: voxel size in mm.
        views: number of views in a set, V.
        unit_mm: length that corresponds to 1 in predictions, mm.
    """

    size_vox: Triple
    spacing_mm: TripleMm
    views: int
    unit_mm: float


@dataclass(frozen=True)
class PredictedGaps:
    """The gaps between views that a task predicts.

    Attributes:
        gaps: ``(batch, views, views, 3)``, from view i to view j, in units of ``unit_mm``.
        scales: scale of the Laplace distribution of their errors along each axis, as the task predicts it, in the same units;
            None for a task that predicts gaps alone.
    """

    gaps: Float[Tensor, "batch views views 3"]
    scales: Float[Tensor, "batch views views 3"] | None = None


@dataclass(frozen=True)
class PlacedCells:
    """Where a task places the cells of a level in their scan, up to one offset that all scans share.

    Attributes:
        places: in units of ``unit_mm``.
        scales: scale of their errors along each axis, as the task predicts it, in the same units; None for a task that
            predicts places alone.
    """

    places: Float[Tensor, "batch views 3 cells0 cells1 cells2"]
    scales: Float[Tensor, "batch views 3 cells0 cells1 cells2"] | None = None


TargetsT = TypeVar("TargetsT")
PredictionT = TypeVar("PredictionT")


class Task(nn.Module, Generic[TargetsT, PredictionT]):
    """One pretext task. Subclasses set the class attributes and implement every method below.

    Class attributes:
        name: its name for users; its key in ``TASKS``.
        spatial: whether it is equivariant to renumbering the views and invariant to a common shift (see tests/contracts).
        pairs: whether it compares views, so that a set needs at least two of them.
        Config: a frozen dataclass with the task's settings.
        minimum: lower bound of each loss, reached by a perfect prediction; options decide which of the losses there are.
    """

    name: ClassVar[str]
    spatial: ClassVar[bool] = True
    pairs: ClassVar[bool] = False
    Config: ClassVar[type]
    minimum: ClassVar[Mapping[str, float]]

    def __init__(self, config: Any, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__()
        if self.pairs:
            require(shape.views >= 2, "views", f"at least 2 for task '{self.name}'", shape.views, "use 3")
        self.config, self.specs, self.shape = config, tuple(specs), shape

    def targets(self, views: ViewBatch) -> TargetsT:
        """Returns the targets, float32, on the device of the views."""
        raise NotImplementedError

    def forward(self, features: Features) -> PredictionT:
        """Returns the prediction of the heads from the feature maps."""
        raise NotImplementedError

    def loss(self, prediction: PredictionT, targets: TargetsT) -> dict[str, Tensor]:
        """Returns scalar losses by name, unweighted."""
        raise NotImplementedError

    def metrics(self, prediction: PredictionT, targets: TargetsT) -> dict[str, Tensor]:
        """Returns scalar metrics, detached, with the unit in the key (``gap_error_mm``)."""
        raise NotImplementedError

    def predicted_gaps(self, prediction: PredictionT) -> PredictedGaps | None:
        """Returns the gaps between views that a prediction holds; None for a task that predicts none."""
        return None

    def placed_cells(self, features: Features) -> PlacedCells | None:
        """Returns where each cell of a level lies, in one frame for all views and scans; None for a task that places none."""
        return None

    def embedded_cells(self, features: Features) -> Float[Tensor, "batch views channels cells0 cells1 cells2"] | None:
        """Returns a vector for each cell of a level whose direction tells its place; None for a task that embeds none."""
        return None

    def similar_pairs(
        self, views: ViewBatch, prediction: PredictionT, targets: TargetsT
    ) -> "tuple[PairValues, PairValues] | None":
        """Returns cosine and distance in mm of pairs of places in each view set, by the embedding and by raw intensities.

        None for a task whose embedding does not compare places by their distance.
        """
        return None

    def fit_baselines(self, batches: Sequence[ViewBatch]) -> None:
        """Fits the baselines to training views (a mean distance, a ridge regression); called once, before step 1.

        What is fitted is kept in buffers, and so becomes part of the checkpoint.
        """

    def baselines(self, views: ViewBatch, targets: TargetsT) -> Mapping[str, Mapping[str, Tensor]]:
        """Returns the metrics of each baseline, under the same keys as `metrics`.

        ``{"trivial": {"gap_error_mm": ...}, "histogram": {...}}`` is logged as ``gap_error_mm_trivial`` and
        ``gap_error_mm_histogram``. Every task has at least the baseline ``trivial``.
        """
        raise NotImplementedError

    def picture(self, views: ViewBatch, prediction: PredictionT, targets: TargetsT) -> "Figure":
        """Returns a matplotlib figure with the targets and the prediction of the batch's first view set."""
        raise NotImplementedError
