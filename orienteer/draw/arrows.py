"""Arrows in the body, projected onto a slice: gaps, routes, and the error at an end point."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Num

from orienteer.draw.palette import MISSED
from orienteer.draw.slices import PointMm, in_plane, write_on_scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_arrow(
    axes: "Axes",
    axis: int,
    start_mm: PointMm,
    end_mm: PointMm,
    colour: str,
    label: str | None = None,
    dashed: bool = False,
) -> None:
    """Draws one arrow from ``start_mm`` to ``end_mm``, seen along ``axis``.

    Args:
        axes: axes of a slice, in mm.
        axis: the axis that the slice is cut across.
        start_mm: where the arrow starts, in the body frame.
        end_mm: where it ends.
        colour: a matplotlib colour, see the palette.
        label: written at the middle of the arrow.
        dashed: draw the shaft dashed, for what is predicted.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> axes = new_figure().subplots()
        >>> draw_arrow(axes, 2, (0.0, 0.0, 0.0), (30.0, 40.0, 0.0), colour="red", label="50 mm")
        >>> axes.patches[0].get_path().vertices is not None, axes.texts[0].get_text()
        (True, '50 mm')
    """
    from matplotlib.patches import FancyArrowPatch

    start, end = _flat(start_mm, axis), _flat(end_mm, axis)
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=11,
        shrinkA=0,
        shrinkB=0,
        color=colour,
        linewidth=1.8,
        linestyle="--" if dashed else "-",
    )
    axes.add_patch(arrow)
    if label is not None:
        halfway = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        write_on_scan(axes, label, halfway, colour)


def draw_route(
    axes: "Axes",
    axis: int,
    points_mm: Num[np.ndarray, "points 3"],
    colour: str,
    label: str | None = None,
    dashed: bool = False,
) -> None:
    """Draws the arrows from each point to the next, and a ring where the route starts.

    Args:
        axes, axis, colour, dashed: as in `draw_arrow`.
        points_mm: the stops of the route in order, in the body frame.
        label: name in the legend.
    """
    for start, end in pairwise(points_mm):
        draw_arrow(axes, axis, start, end, colour, dashed=dashed)
    across, up = in_plane(axis)
    style = "--" if dashed else "-"
    first = points_mm[0]
    axes.plot([], [], color=colour, linestyle=style, label=label)  # the legend entry: arrow patches have none
    axes.plot([first[across]], [first[up]], "o", markerfacecolor="none", markeredgecolor=colour, markersize=8)


def draw_miss(axes: "Axes", axis: int, wanted_mm: PointMm, reached_mm: PointMm) -> None:
    """Draws a dotted line from the true to the predicted end of a route, labelled with its full 3D length in mm.

    Args:
        axes: axes of a slice, in mm.
        axis: the axis that the slice is cut across.
        wanted_mm: true end point, marked with a ring.
        reached_mm: predicted end point, marked with a cross.
    """
    wanted, reached = _flat(wanted_mm, axis), _flat(reached_mm, axis)
    length_mm = float(np.linalg.norm(np.asarray(reached_mm, float) - np.asarray(wanted_mm, float)))
    axes.plot([wanted[0], reached[0]], [wanted[1], reached[1]], ":", color=MISSED, linewidth=1.8)
    axes.plot([wanted[0]], [wanted[1]], "o", markerfacecolor="none", markeredgecolor=MISSED, markersize=9)
    axes.plot([reached[0]], [reached[1]], "x", color=MISSED, markersize=8, markeredgewidth=2)
    write_on_scan(axes, f"missed by {length_mm:.0f} mm", reached, MISSED, above=reached[1] >= wanted[1])


def _flat(point_mm: PointMm, axis: int) -> tuple[float, float]:
    across, up = in_plane(axis)
    return float(point_mm[across]), float(point_mm[up])
