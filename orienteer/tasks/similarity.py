"""The similarity task: how similar two places are follows how near they are.

In its published form (``form: sign``), parts of two views that face each other are to be more similar than parts that face
away. In its graded form, the cosine of two places is to be a decreasing function of their distance in mm, between all parts
and all cells of the views of a scan (see `orienteer.tasks.graded`).

The fine task of Zhang, Chen and Zhang, arXiv 2509.05967 (2025). Departures from the authors' code: parts lie exactly on
the line between the centres, for any size and spacing (theirs do not, and fit cubes only); parts are exact averages of
one dense embedding of each view, at fractions of a cell (theirs index feature maps with voxel boxes and lose a voxel of
odd ones); and the metrics are accuracies (theirs is a distance between the indices of pairs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import FAR, NEAR
from orienteer.draw.slices import PLANES
from orienteer.geometry.boxes import box_averages, box_grids, view_centre_vox
from orienteer.geometry.frames import add_axes, cell_offsets_mm, multiply_axes
from orienteer.geometry.pairs import gap_matrix, half_size_vox, near_far_centres
from orienteer.settings import require
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.cells import cell_step, choose_level, every, first_cell
from orienteer.tasks.graded import PairValues, graded_loss, pair_values, rank_correlation, show_falloff, unit_groups
from orienteer.tasks.heads import Pointwise, Pyramid, full_precision, per_view, pointwise
from orienteer.tasks.parts import (
    PARTS,
    PartCentres,
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

    form: Literal["sign", "graded"] = "sign"
    """``sign``: near parts more similar than far ones, the published form, which two clusters satisfy. ``graded``: cosines
    follow the distance in mm."""

    widths: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    """Widths of the kernels of the graded form, in units of ``unit_mm``; each has its own share of the channels."""

    width: int = 32
    """Channels of the pyramid that gives the graded form its cells, with what coarser levels know of their place."""


@dataclass(frozen=True)
class SimilarityTargets:
    """The places of the parts.

    Attributes:
        parts_vox: centres of the parts of view i with respect to view j, ``(batch, views, views, 2, 3)``, in the
            voxels of view i; the near part first, then the far part.
        part_size_vox: edge lengths of a part, half the view's, in voxels.
        parts_mm: the same centres in mm in the body frame, minus the mean centre of the views.
        cells_mm: centres of the cells that the graded form compares, as ``parts_mm``.
        first_cell: the first of these cells on each axis.
        cell_step: cells from one to the next on each axis.
    """

    parts_vox: PartCentres
    part_size_vox: tuple[float, float, float]
    parts_mm: PartCentres
    cells_mm: Float[Tensor, "batch views cells 3"]
    first_cell: Triple
    cell_step: Triple


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
    so that collapse is no solution; two clusters reach the bound. In the graded form, ``similarity`` and
    ``cell_similarity``: mean squares of cosine minus kernel, over all pairs of parts and of cells of a scan.

    Example:
        >>> shape = ViewShape(size_vox=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0), views=3, unit_mm=100.0)
        >>> task = Similarity(SimilarityConfig(), [FeatureSpec(32, (4, 4, 4)), FeatureSpec(64, (8, 8, 8))], shape)
        >>> levels = (torch.randn(2, 3, 32, 8, 8, 8), torch.randn(2, 3, 64, 4, 4, 4))
        >>> task(Features(levels)).embedding.shape  # parts of 16 voxels span 4 cells of the finer level
        torch.Size([2, 3, 64, 8, 8, 8])
    """

    name = "similarity"
    pairs = True
    Config = SimilarityConfig
    minimum: ClassVar[Mapping[str, float]] = {"similarity": -2.0, "cell_similarity": 0.0}

    cell_offsets_mm: Tensor

    def __init__(self, config: SimilarityConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.level = choose_level(self.specs, shape.size_vox, config.min_cells)
        _check(config)
        self.groups = len(config.widths) if config.form == "graded" else 1
        self.widths_mm = tuple(width * shape.unit_mm for width in config.widths)
        stride = self.specs[self.level].stride
        self.cells = self.specs[self.level].cells(shape.size_vox)
        offsets_mm = cell_offsets_mm(shape.size_vox, stride, shape.spacing_mm)
        self.register_buffer("cell_offsets_mm", offsets_mm, persistent=False)  # 3 cells0 cells1 cells2
        # A level of small cells sees too little of the body to know a place; the pyramid adds what coarser levels know.
        if config.form == "graded":
            self.pyramid = Pyramid(self.specs, config.width, self.level)
            self.embed: nn.Module = Pointwise(config.width, config.channels)
        else:
            reduce = pointwise(self.specs[self.level].channels, config.channels)
            self.embed = nn.Sequential(reduce, Pointwise(config.channels, config.channels))

    def targets(self, views: ViewBatch) -> SimilarityTargets:
        """Returns the near and far parts of each view with respect to every other view, and the cells to compare."""
        centres = views.centres_mm.float()
        centred = (centres - centres.double().mean(dim=1, keepdim=True)).float()
        parts_vox = near_far_centres(gap_matrix(centres), views.size_vox, views.spacing_mm)
        offsets_vox = add_axes(parts_vox, [-middle for middle in view_centre_vox(views.size_vox)])
        step = cell_step(self.cells)
        first = first_cell(step, views.draw)
        cells_mm = self.cell_offsets_mm.float()[(slice(None), *every(first, step))].flatten(1).T  # cells 3
        return SimilarityTargets(
            parts_vox=parts_vox,
            part_size_vox=half_size_vox(views.size_vox),
            parts_mm=centred[:, :, None, None] + multiply_axes(offsets_vox, views.spacing_mm),
            cells_mm=centred[:, :, None] + cells_mm,
            first_cell=first,
            cell_step=step,
        )

    def forward(self, features: Features) -> SimilarityPrediction:
        """Returns the embedding of every cell of every view."""
        if self.config.form == "graded":
            embedding = per_view(self.embed, self.pyramid(features.levels))
            with full_precision(embedding.device):
                embedding = unit_groups(embedding.float(), self.groups, dim=2)
        else:
            embedding = per_view(self.embed, features.levels[self.level])
        return SimilarityPrediction(embedding=embedding, stride=self.specs[self.level].stride)

    def embedded_cells(self, features: Features) -> Float[Tensor, "batch views channels cells0 cells1 cells2"] | None:
        """Returns the embedding of the graded form; the published one, which two clusters satisfy, tells no place."""
        return self(features).embedding if self.config.form == "graded" else None

    def loss(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns ``similarity``, in the graded form also ``cell_similarity``."""
        if self.config.form == "graded":
            return self._graded_loss(prediction, targets)
        parts = part_vectors(prediction, targets)
        near = cosine_similarity(parts[:, :, 0], parts[:, :, 2], dim=-1)
        far = cosine_similarity(parts[:, :, 1], parts[:, :, 3], dim=-1)
        return {"similarity": (far - near).mean()}

    @torch.no_grad()
    def metrics(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        """Returns two accuracies over pairs i < j, and a rank correlation; a tie counts as the chance of a random choice.

        ``near_far_accuracy``: the near parts are more similar than the far parts (chance 0.5). ``near_best_accuracy``: of
        the six pairs among all four parts, the near one is the most similar (chance 1/6), which is not part of the loss.
        ``cosine_rank``: Spearman's rank correlation of cosine and distance in mm over all pairs of parts of a scan, -1 if
        similarity always falls with distance.
        """
        return _metrics(self._parts(prediction, targets), targets)

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: SimilarityTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the metrics of the cosine of the parts' raw intensities, minus their mean."""
        return {"trivial": _metrics(_raw_parts(views, targets), targets)}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: SimilarityPrediction, targets: SimilarityTargets) -> "Figure":
        """Returns the first pair of views with its four parts, and the cosine of all parts of the set against their distance.

        In the published form, the 3D view of the pair is shown in place of the curve.
        """
        parts, raw_parts = self._parts(prediction, targets), _raw_parts(views, targets)
        cosines = part_cosines(parts)[0, 0].cpu().numpy()
        most, least = extreme_pairs(cosines)
        parts_vox = targets.parts_vox[0].cpu().double().numpy()  # views views sides 3
        part_mm = np.array(targets.part_size_vox) * np.array(views.spacing_mm)
        raw = part_cosines(raw_parts)[0, 0].cpu().numpy()
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
        if self.config.form == "graded":
            show_falloff(below.subplots(), part_pairs(parts[:1], targets), part_pairs(raw_parts[:1], targets))
        else:
            scene.frame_pair(below.add_subplot(projection="3d"), views, (0, 1), parts_vox, part_mm, (NEAR, FAR))
        figure.suptitle(
            f"most similar (solid): {PARTS[most[0]]}, {PARTS[most[1]]} ({cosines[most]:.2f});"
            f" least similar: {PARTS[least[0]]}, {PARTS[least[1]]} ({cosines[least]:.2f}). Near parts {cosines[0, 2]:.2f}, far"
            f" parts {cosines[1, 3]:.2f}; of raw intensities {raw[0, 2]:.2f} and {raw[1, 3]:.2f}",
            fontsize=10,
        )
        return figure

    def similar_pairs(
        self, views: ViewBatch, prediction: SimilarityPrediction, targets: SimilarityTargets
    ) -> tuple[PairValues, PairValues]:
        """Returns cosine and distance of each two parts of every view set, by the embedding and by raw intensities."""
        parts, raw_parts = self._parts(prediction, targets), _raw_parts(views, targets)
        return part_pairs(parts, targets), part_pairs(raw_parts, targets)

    def _parts(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> PartVectors:
        """Returns the vectors of the parts of each pair i < j; in the graded form, all groups count alike."""
        parts = part_vectors(prediction, targets)
        return unit_groups(parts, self.groups) if self.config.form == "graded" else parts

    def _graded_loss(self, prediction: SimilarityPrediction, targets: SimilarityTargets) -> dict[str, Tensor]:
        maps = prediction.embedding[(..., *every(targets.first_cell, targets.cell_step))].flatten(3)
        cells = maps.transpose(2, 3).flatten(1, 2)  # batch views channels cells -> batch views*cells channels
        with full_precision(cells.device):
            parts = part_vectors(prediction, targets).flatten(1, 2)
            return {
                "similarity": graded_loss(parts, _part_places(targets), self.widths_mm),
                "cell_similarity": graded_loss(cells.float(), targets.cells_mm.flatten(1, 2), self.widths_mm),
            }


def part_vectors(prediction: SimilarityPrediction, targets: SimilarityTargets) -> PartVectors:
    """Returns the average embedding of the four parts of every pair i < j, in the order of ``PARTS``, float32."""
    low, high = part_corners(targets.parts_vox, targets.part_size_vox)
    with full_precision(prediction.embedding.device):
        maps = prediction.embedding.float().flatten(0, 1)
        return parts_by_pair(box_averages(maps, low, high, prediction.stride), *targets.parts_vox.shape[:2])


def part_pairs(parts: PartVectors, targets: SimilarityTargets) -> PairValues:
    """Returns cosine and distance in mm of each two parts of every view set."""
    return pair_values(parts.flatten(1, 2), _part_places(targets)[: len(parts)])


def _metrics(parts: PartVectors, targets: SimilarityTargets) -> dict[str, Tensor]:
    return {**part_accuracies(part_cosines(parts)), "cosine_rank": rank_correlation(*part_pairs(parts, targets)).mean()}


def _part_places(targets: SimilarityTargets) -> Float[Tensor, "batch parts 3"]:
    """Returns the centres of all parts in mm, in the order of their vectors."""
    batch, views = targets.parts_mm.shape[:2]
    return parts_by_pair(targets.parts_mm.flatten(0, 1).flatten(1, 2), batch, views).flatten(1, 2)


def _raw_parts(views: ViewBatch, targets: SimilarityTargets) -> PartVectors:
    """Returns the raw intensities of the parts, minus their mean; nothing is hidden from this baseline."""
    low, high = part_corners(targets.parts_vox, targets.part_size_vox)
    volumes = views.clean[:, :, 0].float().flatten(0, 1)
    grids = box_grids(volumes, low, high, RAW_GRID).flatten(2)  # items boxes cells
    return parts_by_pair(grids - grids.mean(dim=-1, keepdim=True), views.batch, views.views)


def _check(config: SimilarityConfig) -> None:
    wanted = "'sign' or 'graded'"
    require(config.form in ("sign", "graded"), "similarity.form", wanted, repr(config.form), "use 'graded'")
    widths = tuple(config.widths)
    positive = len(widths) > 0 and all(width > 0 for width in widths)
    require(positive, "similarity.widths", "one or more above 0", widths, "use [0.25, 0.5, 1, 2]")
    fits = config.channels % len(widths) == 0 or config.form == "sign"
    wanted = f"a multiple of {len(widths)}, the number of widths"
    require(fits, "similarity.channels", wanted, config.channels, f"use {16 * len(widths)}")
