"""The picture of an embedding of places: the near and the far parts of two views, and how similar they are."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import FAR, NEAR, view_colour
from orienteer.draw.slices import in_plane, write_on_scan
from orienteer.geometry.boxes import box_averages, box_corners, box_grids
from orienteer.geometry.pairs import gap_matrix
from orienteer.report.scan_slices import slices_through
from orienteer.report.whole_scan import WholeScan
from orienteer.tasks import scene
from orienteer.views.batch import ViewBatch

RAW_GRID = 8
"""Cells per axis to which the intensities of a part are averaged before they are compared."""


@dataclass(frozen=True)
class NearFar:
    """Cosine similarity of the near parts and of the far parts of two views, -1 to 1."""

    near: float
    far: float


@dataclass(frozen=True)
class PartsPicture:
    """Near and far parts of two views.

    Attributes:
        png: the file.
        pair: numbers of the two views, from 1.
        model: similarity by the model's embedding.
        intensities: similarity by the intensities, without a model.
    """

    kind: ClassVar[str] = "parts"

    png: bytes
    pair: tuple[int, int]
    model: NearFar
    intensities: NearFar


def draw_parts(views: ViewBatch, prediction: Any, targets: Any, scan: WholeScan) -> PartsPicture:
    """Draws the near and far parts of the two views that are farthest apart, on the scan and in 3D.

    Args:
        views: one view set.
        prediction: has an ``embedding`` of every place and its ``stride``.
        targets: have the centres of the parts, ``parts_vox``, and their size, ``part_size_vox``.
        scan: the scan that the views were cut out of.
    """
    pair = farthest(views)
    centres_mm, spacing_mm = scene.centres_mm(views), np.array(views.spacing_mm)
    size_mm, part_mm = np.array(views.size_vox) * spacing_mm, np.array(targets.part_size_vox) * spacing_mm
    parts_vox = targets.parts_vox[0].cpu().double().numpy()
    figure = new_figure(1700, 560)
    flat, deep = figure.subfigures(1, 2, squeeze=False, width_ratios=(13, 4))[0]
    scene.frame_pair(deep.add_subplot(projection="3d"), views, pair, parts_vox, part_mm, (NEAR, FAR))
    for axis, axes in enumerate(slices_through(flat, scan, centres_mm[list(pair)].mean(axis=0))):
        across, up = in_plane(axis)
        for number, (view, other) in enumerate((pair, pair[::-1])):
            draw_box(axes, axis, centres_mm[view], size_mm, view_colour(number), label=f"view {view + 1}")
            for side, colour, word in ((0, NEAR, "near"), (1, FAR, "far")):
                centre_mm = scene.voxels_to_mm(views, view, parts_vox[view, other, side])
                draw_box(axes, axis, centre_mm, part_mm, colour, dashed=side == 1)
                write_on_scan(axes, word, (float(centre_mm[across]), float(centre_mm[up])), colour, above=side == 1)
    return PartsPicture(
        png=to_png(figure),
        pair=(pair[0] + 1, pair[1] + 1),
        model=embedding_similarity(prediction, targets, pair),
        intensities=intensity_similarity(views, targets, pair),
    )


def farthest(views: ViewBatch) -> tuple[int, int]:
    """Returns the numbers of the two views of a set that are farthest apart, from 0."""
    lengths = gap_matrix(views.centres_mm)[0].norm(dim=-1).numpy()
    first, second = np.unravel_index(lengths.argmax(), lengths.shape)
    return min(int(first), int(second)), max(int(first), int(second))


def embedding_similarity(prediction: Any, targets: Any, pair: tuple[int, int]) -> NearFar:
    """Returns how similar the average embeddings of the parts are."""
    maps = prediction.embedding[0, list(pair)].float()
    low, high = _corners(targets, pair)
    return _cosines(box_averages(maps, low.to(maps), high.to(maps), prediction.stride))


def intensity_similarity(views: ViewBatch, targets: Any, pair: tuple[int, int]) -> NearFar:
    """Returns how similar the intensities of the parts are, on a coarse grid and without their mean."""
    grids = box_grids(views.images[0, list(pair), 0].float(), *_corners(targets, pair), RAW_GRID).flatten(2)
    return _cosines(grids - grids.mean(dim=-1, keepdim=True))


def _corners(targets: Any, pair: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Returns the corners of the near and far part of each of two views with respect to the other, ``(2, 2, 3)``."""
    first, second = pair
    centres = torch.stack([targets.parts_vox[0, first, second], targets.parts_vox[0, second, first]])
    return box_corners(centres.float().cpu(), targets.part_size_vox)


def _cosines(parts: Float[Tensor, "two=2 sides=2 channels"]) -> NearFar:
    near, far = (float(cosine_similarity(parts[0, side], parts[1, side], dim=0)) for side in (0, 1))
    return NearFar(near, far)
