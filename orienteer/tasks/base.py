"""The contract of a task: what to learn from views, how wrong a prediction is, and how to show it to a person.

A task is one file with its Config, Targets, Prediction, head, loss, metrics and picture. Tasks never import each other
and never see the encoder: they get `Features` and, when built, the `FeatureSpec` of every level and the shape of the
views.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from orienteer.types import Triple, TripleMm
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class FeatureSpec:
    """What one level of feature maps looks like: its channels, and how many voxels one cell spans per axis."""

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
        levels: one ``(batch, views, channels, cells0, cells1, cells2)`` map per level. With a teacher, view 0 comes
            from the student and carries gradients, all others come from the teacher and carry none.
    """

    # The underscores keep each level's own sizes: one tuple holds maps of several shapes.
    levels: tuple[Float[Tensor, "batch views _channels _cells0 _cells1 _cells2"], ...]


@dataclass(frozen=True)
class ViewShape:
    """What all views of a run have in common.

    Attributes:
        size_vox: size of a view in voxels, array order.
        spacing_mm: voxel size in mm.
        views: number of views in a set, V.
        unit_mm: the length that networks see as 1.
    """

    size_vox: Triple
    spacing_mm: TripleMm
    views: int
    unit_mm: float


TargetsT = TypeVar("TargetsT")
PredictionT = TypeVar("PredictionT")


class Task(nn.Module, Generic[TargetsT, PredictionT]):
    """One pretext task. Subclasses set the class attributes and write every method below.

    Class attributes:
        name: how users call it; its key in ``TASKS``.
        spatial: whether the renumbering and shift laws hold for it (see tests/contracts).
        Config: a frozen dataclass with the task's own settings.
        minimum: the least value of each loss, which the truth reaches.
    """

    name: ClassVar[str]
    spatial: ClassVar[bool] = True
    Config: ClassVar[type]
    minimum: ClassVar[Mapping[str, float]]

    def __init__(self, config: Any, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__()
        self.config, self.specs, self.shape = config, tuple(specs), shape

    def targets(self, views: ViewBatch) -> TargetsT:
        """Returns the truth, computed from the places of the views alone (float32, on the views' device)."""
        raise NotImplementedError

    def forward(self, features: Features) -> PredictionT:
        """Returns what the heads make of the feature maps."""
        raise NotImplementedError

    def loss(self, prediction: PredictionT, targets: TargetsT) -> dict[str, Tensor]:
        """Returns scalar losses by name, unweighted."""
        raise NotImplementedError

    def metrics(self, prediction: PredictionT, targets: TargetsT) -> dict[str, Tensor]:
        """Returns scalar figures for a person, detached, the unit in the key (``gap_error_mm``)."""
        raise NotImplementedError

    def fit_rivals(self, batches: Sequence[ViewBatch]) -> None:
        """Learns from training views what the trivial rivals need (a mean distance, a ridge regression).

        What is learned is kept in buffers, so that it travels with the checkpoint. Called once, before step 1.
        """

    def rivals(self, views: ViewBatch, targets: TargetsT) -> Mapping[str, Mapping[str, Tensor]]:
        """Returns, for each trivial rival, its figures under the same keys as `metrics`.

        ``{"trivial": {"gap_error_mm": ...}, "histogram": {...}}`` is logged as ``gap_error_mm_trivial`` and
        ``gap_error_mm_histogram``. Every task has at least the rival ``trivial``.
        """
        raise NotImplementedError

    def picture(self, views: ViewBatch, prediction: PredictionT, targets: TargetsT) -> "Figure":
        """Returns a matplotlib figure that shows truth and prediction of the batch's first view set."""
        raise NotImplementedError
