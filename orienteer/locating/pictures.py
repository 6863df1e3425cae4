"""Pictures of a place: slices of the template through its mark, and of the scan through where it was found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64

from orienteer.draw.figures import new_figure, plain_label, to_png
from orienteer.draw.palette import NEAR, PREDICTED
from orienteer.draw.slices import in_plane, three_slices
from orienteer.locating.answers import FoundPlace
from orienteer.locating.finding import KnownTemplate
from orienteer.store.store import Store
from orienteer.types import Triple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROSS_MM = 12.0
"""Half the length of a cross's arms."""


def draw_place(place: FoundPlace, known: Sequence[KnownTemplate], store: Store, key: str) -> bytes:
    """Returns a PNG: three slices of the first template that marks a place, and three of the scan, with the error bar.

    Args:
        place: as it was found.
        known: the templates.
        store: holds templates and scan.
        key: of the scan.
    """
    figure = new_figure(1000, 700)
    above, below = figure.subfigures(2, 1, squeeze=True)  # type: ignore[misc]
    template = next(each for each in known if place.name in each.template.marks.names)
    marks = template.template.marks
    marked = marks.points_mm[marks.names.index(place.name)]
    for axes in _slices(above, store, template.key, marked):
        _cross(axes[1], axes[0], marked, NEAR)
    above.suptitle(plain_label(f"{place.name} in the template {template.template.source.name}"), fontsize=10)
    point = np.array(place.point_mm)
    for axes in _slices(below, store, key, point):
        _cross(axes[1], axes[0], point, PREDICTED)
        _circle(axes[1], axes[0], point, place.error_bar_mm)
    words = f"{place.name} in the scan: {place.verdict}, error bar {place.error_bar_mm:.0f} mm"
    below.suptitle(plain_label(words), fontsize=10)
    return to_png(figure)


def _slices(figure: object, store: Store, key: str, point_mm: Float64[np.ndarray, "3"]) -> "list[tuple[int, Axes]]":
    scan = store.scan(key)
    voxel = np.rint((point_mm - np.array(scan.origin_mm)) / np.array(scan.spacing_mm)).astype(int)
    first, second, third = (int(value) for value in np.clip(voxel, 0, np.array(scan.shape_vox) - 1))
    at: Triple = (first, second, third)
    voxels = store.read(key, (0, 0, 0), scan.shape_vox)
    return list(enumerate(three_slices(figure, voxels, at, scan.spacing_mm, scan.origin_mm, limits=(-1.0, 1.0))))


def _cross(axes: "Axes", axis: int, point_mm: Float[np.ndarray, "3"], colour: str) -> None:
    across, up = in_plane(axis)
    x, y = float(point_mm[across]), float(point_mm[up])
    axes.plot([x - CROSS_MM, x + CROSS_MM], [y, y], "-", color=colour, linewidth=1.2)
    axes.plot([x, x], [y - CROSS_MM, y + CROSS_MM], "-", color=colour, linewidth=1.2)


def _circle(axes: "Axes", axis: int, point_mm: Float[np.ndarray, "3"], radius_mm: float) -> None:
    across, up = in_plane(axis)
    turn = np.linspace(0, 2 * np.pi, 60)
    axes.plot(
        float(point_mm[across]) + radius_mm * np.cos(turn),
        float(point_mm[up]) + radius_mm * np.sin(turn),
        "--",
        color=PREDICTED,
        linewidth=1.0,
        scalex=False,
        scaley=False,
    )
