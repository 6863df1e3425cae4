"""The similarity task: the parts of two views that face each other are more alike than the parts that face away.

The fine task of Zhang, Chen and Zhang, arXiv 2509.05967 (2025). Departures from the authors' code: parts lie exactly on
the line between the centres, for any size and spacing (theirs do not, and fit cubes only); parts are exact averages of
one dense embedding of each view, at fractions of a cell (theirs index feature maps with voxel boxes and lose a voxel of
odd ones); and the metric counts decisions (theirs is a distance between the numbers of pairs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import FAR, NEAR
from orienteer.draw.slices import PLANES
from orienteer.errors import InputError
from orienteer.geometry.boxes import box_averages, box_corners, box_grids
from orienteer.geometry.pairs import gap_matrix, half_size_vox, near_far_centres, pair_index
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.checks import require_pairs
from orienteer.tasks.heads import full_precision, pointwise
from orienteer.types import FeatureMap, Triple
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAW_GRID = 8
"""Cells per axis to which the trivial rival resamples the intensities of a part."""

PARTS = ("near of 1st", "far of 1st", "near of 2nd", "far of 2nd")
"""The four parts of a pair i < j, in the order in which they are compared; 1st is view i."""

PartVectors = Float[Tensor, "batch pairs parts=4 channels"]
PartCosines = Float[Tensor, "batch pairs parts=4 parts=4"]


@dataclass(frozen=True)
class SimilarityConfig:
    """Settings of the similarity task."""

    channels: int = 64
    """Numbers in the embedding of each cell."""

    min_cells: int = 4
    """Cells that a part should span on each axis. The coarsest level with so many is used; where no level has, the
    finest one, if a part still spans two of its cells."""


@dataclass(frozen=True)
class SimilarityTargets:
    """The truth: where the parts are.

    Attributes:
        parts_vox: middles of the parts of view i with respect to view j, ``(batch, views, views, 2, 3)``, in the
            voxels of view i; the near part first, then the far part.
        part_size_vox: edge lengths of a part, half the view's, in voxels.
    """

    parts_vox: Float[Tensor, "batch views views 2 3"]
    part_size_vox: tuple[float, float, float]


@dataclass(frozen=True)
class SimilarityPrediction:
    """What the head makes of every place of every view.

    Attributes:
        embedding: ``(batch, views, channels, cells0, cells1, cells2)``.
        stride: voxels per cell on each axis.
    """

    embedding: FeatureMap
    stride: Triple


class Similarity(Task[SimilarityTargets, SimilarityPrediction]):
    """Embeds every cell of one feature level, so that places near each other look alike.

    Loss ``similarity``: cosine of the far parts minus cosine of the near parts, mean over pairs i < j; from -2 to 2.
    The minimum -2 is a bound, reached where near parts agree fully and far parts are opposite. One embedding for all
    places gives 0, so that collapse does not pay.

    Example:
        >>> shape = ViewShape(size_vox=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0), views=3, unit_mm=100.0)
        >>> task = Similarity(SimilarityConfig(), [FeatureSpec(32, (4, 4, 4)), FeatureSpec(64, (8, 8, 8))], shape)
        >>> levels = (torch.randn(2, 3, 32, 8, 8, 8), torch.randn(2, 3, 64, 4, 4, 4))
        >>> task(Features(levels)).embedding.shape  # parts of 16 voxels span 4 cells of the finer level
        torch.Size([2, 3, 64, 8, 8, 8])
    """

    name = "similarity"
    Config = SimilarityConfig
    minimum: ClassVar[Mapping[str, float]] = {"similarity": -2.0}

    def __init__(self, config: SimilarityConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        require_pairs(self.name, shape)
        self.level = choose_level(self.specs, shape.size_vox, config.min_cells)
        channels = self.specs[self.level].channels
        self.embed = nn.Sequential(pointwise(channels, config.channels), nn.Conv3d(config.channels, config.channels, 1))

    def targets(self, views: ViewBatch) -> SimilarityTargets:
        """Returns where in each view the near and far parts for every other view are."""
        gaps_mm = gap_matrix(views.centres_mm.float())
        return SimilarityTargets(
            parts_vox=near_far_centres(gaps_mm, views.size_vox, views.spacing_mm),
            part_size_vox=half_size_vox(views.size_vox),
        )

    def forward(self, features: Features) -> SimilarityPrediction:
        """Returns the embedding of every cell of every view."""
        maps = features.levels[self.level]
        embedding = self.embed(rearrange(maps, "b v c x y z -> (b v) c x y z"))
        embedding = rearrange(embedding, "(b v) c x y z -> b v c x y z", b=maps.shape[0])
        return SimilarityPrediction(embedding=embedding, stride=self.specs[self.level].stride)

    def loss(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns ``similarity``: cosine of the far parts minus cosine of the near parts."""
        parts = part_vectors(prediction, targets)
        near = cosine_similarity(parts[:, :, 0], parts[:, :, 2], dim=-1)
        far = cosine_similarity(parts[:, :, 1], parts[:, :, 3], dim=-1)
        return {"similarity": (far - near).mean()}

    @torch.no_grad()
    def metrics(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns how often the embedding decides rightly, over pairs i < j; a tie counts as an even draw.

        ``near_far_accuracy``: the near parts are more alike than the far parts (chance 0.5). ``near_best_accuracy``: of
        the six pairs among all four parts, the near one is the most alike (chance 1/6); the loss does not ask for this.
        """
        return _accuracies(part_cosines(part_vectors(prediction, targets)))

    @torch.no_grad()
    def rivals(self, views: ViewBatch, targets: SimilarityTargets) -> dict[str, dict[str, Tensor]]:
        """Returns how often the cosine of the parts' raw intensities, mean taken out, decides rightly."""
        return {"trivial": _accuracies(_raw_cosines(views, targets))}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: SimilarityPrediction, targets: SimilarityTargets) -> "Figure":
        """Returns the first pair of views with its four parts, and which of them look most and least alike."""
        cosines = part_cosines(part_vectors(prediction, targets))[0, 0].cpu().numpy()
        most, least = _extremes(cosines)
        parts_vox = targets.parts_vox[0].cpu().double().numpy()  # views views sides 3
        part_mm = np.array(targets.part_size_vox) * np.array(views.spacing_mm)
        raw = _raw_cosines(views, targets)[0, 0].cpu().numpy()
        figure = new_figure(1600, 820)
        flat, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(12, 5))[0]
        for view, row in enumerate(flat.subplots(2, 3)):
            for axis, axes in enumerate(row):
                scene.show_views(axes, views, [view], axis)
                axes.set_title(f"view {view + 1} ({('1st', '2nd')[view]}), {PLANES[axis]}", loc="left", fontsize=9)
                for side, (name, colour) in enumerate((("near", NEAR), ("far", FAR))):
                    middle_mm = scene.voxels_to_mm(views, view, parts_vox[view, 1 - view, side])
                    draw_box(axes, axis, middle_mm, part_mm, colour, label=name, dashed=2 * view + side not in most)
        above, below = right.subfigures(2, 1)
        _show_cosines(above.subplots(), cosines)
        scene.frame_pair(below.add_subplot(projection="3d"), views, (0, 1), parts_vox, part_mm, (NEAR, FAR))
        figure.suptitle(
            f"most alike (solid): {PARTS[most[0]]}, {PARTS[most[1]]} ({cosines[most]:.2f});"
            f" least alike: {PARTS[least[0]]}, {PARTS[least[1]]} ({cosines[least]:.2f}). Near parts {cosines[0, 2]:.2f}, far"
            f" parts {cosines[1, 3]:.2f}; by the bare intensities {raw[0, 2]:.2f} and {raw[1, 3]:.2f}",
            fontsize=10,
        )
        return figure


def choose_level(specs: Sequence[FeatureSpec], size_vox: Triple, min_cells: int) -> int:
    """Returns the number of the coarsest level in which half a view spans ``min_cells`` cells on every axis.

    Where no level has so many, the finest one is used if half a view spans at least two of its cells.

    Raises:
        InputError: not even the finest level has two cells for a part; the message names the size to use.

    Example:
        >>> levels = [FeatureSpec(16, (2, 2, 2)), FeatureSpec(32, (4, 4, 4)), FeatureSpec(64, (8, 8, 8))]
        >>> choose_level(levels, (48, 48, 48), 4), choose_level(levels, (48, 48, 48), 3)
        (1, 2)
    """
    span = [min(size / 2 / stride for size, stride in zip(size_vox, spec.stride, strict=True)) for spec in specs]
    enough = [level for level, cells in enumerate(span) if cells >= min_cells]
    if enough:
        return enough[-1]
    if span[0] >= 2:
        return 0
    wanted = tuple(4 * stride for stride in specs[0].stride)
    enough_vox = tuple(max(size, least) for size, least in zip(size_vox, wanted, strict=True))
    raise InputError(
        "view_size",
        wanted=f"at least {wanted}, so that half a view spans two cells of the encoder's finest level",
        got=str(tuple(size_vox)),
        do=f"use {enough_vox}, or leave out similarity",
    )


def part_vectors(prediction: SimilarityPrediction, targets: SimilarityTargets) -> PartVectors:
    """Returns the average embedding of the four parts of every pair i < j, in the order of ``PARTS``, float32."""
    low, high = _corners(targets)
    with full_precision(prediction.embedding.device):
        maps = rearrange(prediction.embedding.float(), "b v c x y z -> (b v) c x y z")
        return _by_pair(box_averages(maps, low, high, prediction.stride), targets)


def part_cosines(parts: PartVectors) -> PartCosines:
    """Returns the cosine between any two of the four parts of each pair of views; 0 with a part that is all zero."""
    return cosine_similarity(parts[:, :, :, None], parts[:, :, None, :], dim=-1)


def _raw_cosines(views: ViewBatch, targets: SimilarityTargets) -> PartCosines:
    """Returns the cosines of the parts' raw intensities, mean taken out."""
    low, high = _corners(targets)
    volumes = rearrange(views.images.float(), "b v 1 x y z -> (b v) x y z")
    grids = box_grids(volumes, low, high, RAW_GRID).flatten(2)  # items boxes cells
    return part_cosines(_by_pair(grids - grids.mean(dim=-1, keepdim=True), targets))


def _corners(targets: SimilarityTargets) -> tuple[Tensor, Tensor]:
    """Returns the low and high corners of all parts of each view, both ``(batch * views, views * 2, 3)``."""
    middles = rearrange(targets.parts_vox, "b i j sides axes -> (b i) (j sides) axes")
    return box_corners(middles, targets.part_size_vox)


def _by_pair(vectors: Float[Tensor, "items boxes channels"], targets: SimilarityTargets) -> PartVectors:
    """Returns one vector per part of each view, sorted into the four parts of each pair i < j."""
    batch, views = targets.parts_vox.shape[:2]
    matrix = rearrange(vectors, "(b i) (j sides) c -> b i j sides c", b=batch, j=views)
    i, j = pair_index(views, vectors.device)
    return torch.cat([matrix[:, i, j], matrix[:, j, i]], dim=2)  # near_i, far_i, near_j, far_j


def _extremes(cosines: Float[np.ndarray, "4 4"]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the numbers of the two parts that are most alike, and of the two that are least alike."""
    first, second = np.triu_indices(4, 1)
    six = cosines[first, second]
    most, least = int(six.argmax()), int(six.argmin())
    return (int(first[most]), int(second[most])), (int(first[least]), int(second[least]))


def _show_cosines(axes: "Axes", cosines: Float[np.ndarray, "4 4"]) -> None:
    axes.imshow(cosines, cmap="cividis", vmin=-1, vmax=1)
    for row, column in np.ndindex(4, 4):
        ink = "black" if cosines[row, column] > 0.2 else "white"
        axes.text(column, row, f"{cosines[row, column]:.2f}", color=ink, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(4), PARTS, fontsize=8)
    axes.set_yticks(range(4), PARTS, fontsize=8)
    axes.set_title("cosine between parts", fontsize=9)


def _accuracies(cosines: PartCosines) -> dict[str, Tensor]:
    near, far = cosines[:, :, 0, 2], cosines[:, :, 1, 3]
    first, second = torch.triu_indices(4, 4, 1, device=cosines.device)
    six = cosines[:, :, first, second]
    best: Bool[Tensor, "batch pairs 6"] = six == six.amax(dim=-1, keepdim=True)
    return {
        "near_far_accuracy": ((near > far).float() + 0.5 * (near == far).float()).mean(),
        "near_best_accuracy": ((near == six.amax(dim=-1)).float() / best.sum(dim=-1)).mean(),
    }
