"""Boxes in the body, drawn as rectangles on a slice or as wire frames in 3D."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from orienteer.draw.slices import PointMm, in_plane, write_on_scan
from orienteer.types import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mpl_toolkits.mplot3d import Axes3D


def draw_box(
    axes: "Axes",
    axis: int,
    centre_mm: PointMm,
    size_mm: PointMm,
    colour: str,
    label: str | None = None,
    dashed: bool = False,
) -> None:
    """Draws the outline of a box, seen along ``axis``, on a slice made by `show_slice`.

    The box is projected: it is drawn whether or not the slice passes through it.

    Args:
        axes: axes of the slice, in mm.
        axis: the axis that the slice is cut across.
        centre_mm: centre of the box in the body frame.
        size_mm: lengths of the box's edges.
        colour: a matplotlib colour, see the palette.
        label: written inside the box, at its top.
        dashed: draw the outline dashed, for what is predicted or hidden.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> axes = new_figure().subplots()
        >>> draw_box(axes, 2, centre_mm=(10.0, 20.0, 30.0), size_mm=(4.0, 6.0, 8.0), colour="red")
        >>> axes.patches[0].get_xy(), axes.patches[0].get_width(), axes.patches[0].get_height()
        ((8.0, 17.0), 4.0, 6.0)
    """
    from matplotlib.patches import Rectangle

    across, up = in_plane(axis)
    corner = (float(centre_mm[across] - size_mm[across] / 2), float(centre_mm[up] - size_mm[up] / 2))
    width, height = float(size_mm[across]), float(size_mm[up])
    style = "--" if dashed else "-"
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=1.6, linestyle=style))
    if label is not None:
        write_on_scan(axes, label, (corner[0] + width / 2, corner[1] + height), colour, above=False)


def draw_frame(axes: "Axes3D", centre_mm: PointMm, size_mm: PointMm, colour: str, dashed: bool = False) -> None:
    """Draws the twelve edges of a box in 3D, on axes with ``projection="3d"``.

    Args:
        axes: in mm of the body frame; `frame_space` sets their limits.
        centre_mm: centre of the box.
        size_mm: lengths of the box's edges.
        colour: a matplotlib colour, see the palette.
        dashed: draw the edges dashed.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> axes = new_figure().add_subplot(projection="3d")
        >>> draw_frame(axes, centre_mm=(10.0, 20.0, 30.0), size_mm=(4.0, 6.0, 8.0), colour="red")
        >>> len(axes.collections[0]._segments3d)
        12
    """
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    half_mm = np.array(size_mm, float) / 2
    edges = []
    for axis in range(3):
        for others in product((-1.0, 1.0), repeat=2):
            signs = np.insert(np.array(others), axis, 0.0)
            along = half_mm * np.eye(3)[axis]
            edges.append([half_mm * signs - along + centre_mm, half_mm * signs + along + centre_mm])
    style = "--" if dashed else "-"
    axes.add_collection3d(Line3DCollection(edges, colors=colour, linewidths=1.4, linestyles=style))


def frame_space(axes: "Axes3D", low_mm: PointMm, high_mm: PointMm) -> None:
    """Sets the limits of 3D axes, all at one scale, the patient's right on the left as on slices."""
    axes.set_xlim(high_mm[0], low_mm[0])
    axes.set_ylim(low_mm[1], high_mm[1])
    axes.set_zlim(low_mm[2], high_mm[2])
    axes.set_box_aspect(tuple(high - low for low, high in zip(low_mm, high_mm, strict=True)))
    axes.view_init(elev=15, azim=-70)
    axes.set_xlabel(f"{AXIS_NAMES[0]}, mm", fontsize=7)
    axes.set_ylabel(f"{AXIS_NAMES[1]}, mm", fontsize=7)
    axes.set_zlabel(f"{AXIS_NAMES[2]}, mm", fontsize=7)
    axes.tick_params(labelsize=6)
