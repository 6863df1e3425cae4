"""Pictures of a segmentation: the prediction beside the truth, a colour for each class, on the fullest and the worst slice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Shaped

from orienteer.draw.figures import full_png, new_figure, plain_label
from orienteer.draw.palette import class_colours
from orienteer.draw.slices import in_plane, show_slice
from orienteer.files import write_bytes
from orienteer.labelled.grids import Geometry
from orienteer.labelled.label_cache import LabelMap
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.types import TripleMm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPACITY = 0.65
"""Of the colours on the scan."""

SCANS_PX, LEGEND_PX, LETTER_PX = 920, 230, 8
"""Width of the slices, of the least legend, and of a letter in it."""

SHOWN_LETTERS = 40
"""Of the name of a class; longer names are cut."""

SHOWN_CLASSES = 24
"""A legend of more classes would be longer than the picture: the worst ones are named."""

CORONAL, AXIAL = 1, 2
"""Axes that slices are cut across."""


@dataclass(frozen=True)
class CaseLabels:
    """The labels of a case on the grid of its prepared scan.

    Attributes:
        truth: class numbers.
        predicted: class numbers.
        names: of the classes above background, in their order.
        scores: Dice and distance of each class.
    """

    truth: LabelMap
    predicted: LabelMap
    names: Sequence[str]
    scores: CaseScores

    @property
    def wrong(self) -> Shaped[np.ndarray, "size0 size1 size2"]:
        """Voxels whose class is wrong."""
        return np.asarray(self.truth != self.predicted)


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
    path: Path, title: str, image: Float32[np.ndarray, "size0 size1 size2"], labels: CaseLabels, grid: Geometry
) -> None:
    """Writes a picture of a prepared scan: truth and prediction side by side, on three slices.

    The slices are the coronal and the axial one that show most of the labels, and the axial one with most wrong voxels.

    Args:
        path: the PNG.
        title: of the picture.
        image: voxels in [-1, 1], array order.
        labels: truth and prediction.
        grid: the grid of the scan.
    """
    shown = labels.truth if labels.truth.any() else labels.predicted
    rows = [
        ("most labels", CORONAL, fullest_slice(shown > 0, CORONAL)),
        ("most labels", AXIAL, fullest_slice(shown > 0, AXIAL)),
        ("most wrong voxels", AXIAL, fullest_slice(labels.wrong, AXIAL)),
    ]
    extent = np.array(image.shape) * np.array(grid.spacing_mm)
    heights = [float(extent[in_plane(axis)[1]] / extent[in_plane(axis)[0]]) for _, axis, _ in rows]
    letters = min(max(map(len, labels.names), default=0), SHOWN_LETTERS)
    legend_px = max(LEGEND_PX, 100 + LETTER_PX * letters)
    figure = new_figure(SCANS_PX + legend_px, 130 + round(420 * min(sum(heights), 4.0)))
    scans, legend = figure.subfigures(1, 2, squeeze=False, width_ratios=(SCANS_PX, legend_px))[0]
    panels = scans.subplots(3, 2, squeeze=False, height_ratios=heights)
    for (words, axis, at), (left, right) in zip(rows, panels, strict=True):
        for axes, classes, name in ((left, labels.truth, "truth"), (right, labels.predicted, "prediction")):
            show_slice(axes, image, axis, at, grid.spacing_mm, _origin_mm(grid), (-1.0, 1.0))
            _colour(axes, np.take(classes, at, axis=axis), labels, axis, grid)
            axes.set_title(f"{name}: {words}", loc="right", fontsize=9)
            axes.set_xlabel("")
            axes.set_ylabel("")
    _name_classes(legend, labels)
    figure.suptitle(plain_label(title))
    write_bytes(path, full_png(figure))


def fullest_slice(voxels: Shaped[np.ndarray, "size0 size1 size2"], axis: int) -> int:
    """Returns the slice across an axis that holds most of the voxels; the middle one where there are none.

    Example:
        >>> voxels = np.zeros((3, 4, 5), bool)
        >>> voxels[:, 1, 2] = True
        >>> fullest_slice(voxels, 1), fullest_slice(~voxels & voxels, 2)
        (1, 2)
    """
    if not voxels.any():
        return int(voxels.shape[axis]) // 2
    others = tuple(other for other in range(3) if other != axis)
    return int(np.argmax(voxels.sum(axis=others)))


def _colour(axes: "Axes", classes: np.ndarray, labels: CaseLabels, axis: int, grid: Geometry) -> None:
    """Lays the colours of the classes over a slice."""
    colours = np.zeros((len(labels.names) + 1, 4))
    colours[1:, :3] = class_colours(len(labels.names))
    colours[1:, 3] = OPACITY
    across, up = in_plane(axis)
    origin, size, spacing = _origin_mm(grid), grid.size, grid.spacing_mm
    low = [origin[a] - spacing[a] / 2 for a in (across, up)]
    high = [low[n] + size[a] * spacing[a] for n, a in enumerate((across, up))]
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(colours[classes.T], origin="lower", extent=(low[0], high[0], low[1], high[1]), interpolation="nearest")
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def _name_classes(figure: Any, labels: CaseLabels) -> None:
    """Writes colour, name and Dice of each class."""
    from matplotlib.patches import Patch

    colours, dice = class_colours(len(labels.names)), labels.scores.dice
    order: Sequence[int] = range(len(labels.names))
    if len(order) > SHOWN_CLASSES:
        order = sorted(order, key=lambda number: math.inf if math.isnan(dice[number]) else dice[number])[:SHOWN_CLASSES]
    entries = [
        Patch(color=colours[number], label=f"{_short(labels.names[number])}  {_dice_words(dice[number])}")
        for number in order
    ]
    more = f" (worst {SHOWN_CLASSES})" if len(labels.names) > SHOWN_CLASSES else ""
    figure.legend(handles=entries, title=f"class, Dice{more}", loc="center left", frameon=False, fontsize=9)


def _short(name: str) -> str:
    shown = name if len(name) <= SHOWN_LETTERS else name[: SHOWN_LETTERS - 1] + "…"
    return plain_label(shown)


def _dice_words(value: float) -> str:
    return "in neither" if math.isnan(value) else f"{value:.2f}"


def _origin_mm(grid: Geometry) -> TripleMm:
    """Returns the centre of the first voxel in the body frame (RAS)."""
    left, back, head = grid.origin_lps_mm
    return -left, -back, head
