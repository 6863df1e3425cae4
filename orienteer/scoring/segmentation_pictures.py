"""Pictures of a segmentation: the best, the median and the worst test case in three slices."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from orienteer.draw.figures import full_png, new_figure, plain_label
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.draw.slices import in_plane, three_slices
from orienteer.files import write_bytes
from orienteer.labelled.grids import Geometry
from orienteer.labelled.label_cache import LabelMap
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.types import Triple, TripleMm


def chosen_cases(scores: Mapping[str, CaseScores]) -> dict[str, str]:
    """Returns the best, the median and the worst case by mean Dice.

    Example:
        >>> chosen_cases({name: CaseScores((dice,), (0.0,)) for name, dice in zip("abc", (0.5, 0.9, 0.7))})
        {'best': 'b', 'median': 'c', 'worst': 'a'}
    """
    ranked = sorted(
        (name for name in scores if not math.isnan(scores[name].dice_mean)), key=lambda n: -scores[n].dice_mean
    )
    if not ranked:
        return {}
    return {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}


def draw_case(
    path: Path,
    title: str,
    image: Float32[np.ndarray, "size0 size1 size2"],
    truth: LabelMap,
    predicted: LabelMap,
    grid: Geometry,
) -> None:
    """Writes a picture of three slices of a prepared scan, with the outlines of the truth and of the prediction.

    Args:
        path: the PNG.
        title: of the picture.
        image: voxels in [-1, 1], array order.
        truth: class numbers on the same grid.
        predicted: class numbers on the same grid.
        grid: the grid of the scan.
    """
    figure = new_figure(1100, 480)
    shown = _fullest_voxel(truth if truth.any() else predicted)
    every = three_slices(figure, image, shown, grid.spacing_mm, _origin_mm(grid), (-1.0, 1.0))
    for axis, axes in enumerate(every):
        for labels, colour in ((truth, TRUE), (predicted, PREDICTED)):
            _outline(axes, np.take(labels, shown[axis], axis=axis), axis, grid, colour)
    every[0].plot([], [], color=TRUE, label="truth")
    every[0].plot([], [], color=PREDICTED, label="prediction")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(plain_label(title))
    write_bytes(path, full_png(figure))


def _outline(axes: Any, labels: np.ndarray, axis: int, grid: Geometry, colour: str) -> None:
    across, up = in_plane(axis)
    origin = _origin_mm(grid)
    places = [origin[a] + np.arange(grid.size[a]) * grid.spacing_mm[a] for a in (across, up)]
    for number in np.unique(labels):
        if number and min(labels.shape) > 1:
            axes.contour(*places, (labels == number).T.astype(float), levels=[0.5], colors=[colour], linewidths=1.2)


def _origin_mm(grid: Geometry) -> TripleMm:
    """Returns the centre of the first voxel in the body frame (RAS)."""
    left, back, head = grid.origin_lps_mm
    return -left, -back, head


def _fullest_voxel(labels: LabelMap) -> Triple:
    """Returns the voxel whose three slices show the most of the labels; the centre where there are none."""
    if not labels.any():
        return labels.shape[0] // 2, labels.shape[1] // 2, labels.shape[2] // 2
    most = [
        int(np.argmax((labels > 0).sum(axis=tuple(other for other in range(3) if other != axis)))) for axis in range(3)
    ]
    return most[0], most[1], most[2]
