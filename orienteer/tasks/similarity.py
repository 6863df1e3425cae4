"""The similarity task: parts of two views that face each other are more similar than parts that face away.

The fine task of Zhang, Chen and Zhang, arXiv 2509.05967 (2025). Departures from the authors' code: parts lie exactly on
the line between the centres, for any size and spacing (theirs do not, and fit cubes only); parts are exact averages of
one dense embedding of each view, at fractions of a cell (theirs index feature maps with voxel boxes and lose a voxel of
odd ones); and the metrics are accuracies (theirs is a distance between the indices of pairs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import FAR, NEAR
from orienteer.draw.slices import PLANES
from orienteer.errors import InputError
from orienteer.geometry.boxes import box_averages, box_grids
from orienteer.geometry.pairs import gap_matrix, half_size_vox, near_far_centres
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.checks import require_pairs
from orienteer.tasks.heads import full_precision, per_view, pointwise
from orienteer.tasks.parts import (
    PARTS,
    PartCentres,
    PartCosines,
    PartVectors,
    extreme_pairs,
    part_accuracies,
    part_corners,
    part_cosines,
    parts_by_pair,
    show_cosines,
)
from orienteer.tensors import FeatureMap
from orienteer.types import Triple
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAW_GRID = 8
"""Cells per axis to which the baseline resamples the intensities of a part."""


@dataclass(frozen=True)
class SimilarityConfig:
    """Settings of the similarity task."""

    channels: int = 64
    """Numbers in the embedding of each cell."""

    min_cells: int = 4
    """Cells that a part should span on each axis. The coarsest level with as many is used; if there is none, the
    finest level, if a part still spans two of its cells."""


@dataclass(frozen=True)
class SimilarityTargets:
    """The places of the parts.

    Attributes:
        parts_vox: centres of the parts of view i with respect to view j, ``(batch, views, views, 2, 3)``, in the
            voxels of view i; the near part first, then the far part.
        part_size_vox: edge lengths of a part, half the view's, in voxels.
    """

    parts_vox: PartCentres
    part_size_vox: tuple[float, float, float]


@dataclass(frozen=True)
class SimilarityPrediction:
    """The embedding of every cell of every view.

    Attributes:
        embedding: ``(batch, views, channels, cells0, cells1, cells2)``.
        stride: voxels per cell on each axis.
    """

    embedding: FeatureMap
    stride: Triple


class Similarity(Task[SimilarityTargets, SimilarityPrediction]):
    """Embeds every cell of one feature level, so that places near each other have similar embeddings.

    Loss ``similarity``: cosine of the far parts minus cosine of the near parts, mean over pairs i < j; from -2 to 2.
    The minimum -2 is a bound, reached if near parts are equal and far parts opposite. One embedding for all places gives 0,
    so that collapse is no solution.

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
        """Returns the near and far parts of each view with respect to every other view."""
        gaps_mm = gap_matrix(views.centres_mm.float())
        return SimilarityTargets(
            parts_vox=near_far_centres(gaps_mm, views.size_vox, views.spacing_mm),
            part_size_vox=half_size_vox(views.size_vox),
        )

    def forward(self, features: Features) -> SimilarityPrediction:
        """Returns the embedding of every cell of every view."""
        maps = features.levels[self.level]
        return SimilarityPrediction(embedding=per_view(self.embed, maps), stride=self.specs[self.level].stride)

    def loss(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns ``similarity``: cosine of the far parts minus cosine of the near parts."""
        parts = part_vectors(prediction, targets)
        near = cosine_similarity(parts[:, :, 0], parts[:, :, 2], dim=-1)
        far = cosine_similarity(parts[:, :, 1], parts[:, :, 3], dim=-1)
        return {"similarity": (far - near).mean()}

    @torch.no_grad()
    def metrics(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns two accuracies over pairs i < j; a tie counts as the chance of a random choice.

        ``near_far_accuracy``: the near parts are more similar than the far parts (chance 0.5). ``near_best_accuracy``: of
        the six pairs among all four parts, the near one is the most similar (chance 1/6), which is not part of the loss.
        """
        return part_accuracies(part_cosines(part_vectors(prediction, targets)))

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: SimilarityTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the accuracies of the cosine of the parts' raw intensities, minus their mean."""
        return {"trivial": part_accuracies(_raw_cosines(views, targets))}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: SimilarityPrediction, targets: SimilarityTargets) -> "Figure":
        """Returns the first pair of views with its four parts, and which of them are most and least similar."""
        cosines = part_cosines(part_vectors(prediction, targets))[0, 0].cpu().numpy()
        most, least = extreme_pairs(cosines)
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
                    centre_mm = scene.voxels_to_mm(views, view, parts_vox[view, 1 - view, side])
                    draw_box(axes, axis, centre_mm, part_mm, colour, label=name, dashed=2 * view + side not in most)
        above, below = right.subfigures(2, 1)
        show_cosines(above.subplots(), cosines)
        scene.frame_pair(below.add_subplot(projection="3d"), views, (0, 1), parts_vox, part_mm, (NEAR, FAR))
        figure.suptitle(
            f"most similar (solid): {PARTS[most[0]]}, {PARTS[most[1]]} ({cosines[most]:.2f});"
            f" least similar: {PARTS[least[0]]}, {PARTS[least[1]]} ({cosines[least]:.2f}). Near parts {cosines[0, 2]:.2f}, far"
            f" parts {cosines[1, 3]:.2f}; of raw intensities {raw[0, 2]:.2f} and {raw[1, 3]:.2f}",
            fontsize=10,
        )
        return figure


def choose_level(specs: Sequence[FeatureSpec], size_vox: Triple, min_cells: int) -> int:
    """Returns the number of the coarsest level in which half a view spans ``min_cells`` cells on every axis.

    If no level has as many, the finest one is used if half a view spans at least two of its cells.

    Raises:
        InputError: a part spans less than two cells of the finest level; the message gives the size to use.

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
    low, high = part_corners(targets.parts_vox, targets.part_size_vox)
    with full_precision(prediction.embedding.device):
        maps = prediction.embedding.float().flatten(0, 1)
        return parts_by_pair(box_averages(maps, low, high, prediction.stride), *targets.parts_vox.shape[:2])


def _raw_cosines(views: ViewBatch, targets: SimilarityTargets) -> PartCosines:
    """Returns the cosines of the parts' raw intensities, minus their mean."""
    low, high = part_corners(targets.parts_vox, targets.part_size_vox)
    volumes = views.images[:, :, 0].float().flatten(0, 1)
    grids = box_grids(volumes, low, high, RAW_GRID).flatten(2)  # items boxes cells
    return part_cosines(parts_by_pair(grids - grids.mean(dim=-1, keepdim=True), views.batch, views.views))
