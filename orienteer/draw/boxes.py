"""Boxes in the body, drawn as rectangles on a slice."""

from typing import TYPE_CHECKING

from orienteer.draw.slices import PointMm, in_plane, write_on_scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        label: written at the top inside the box.
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
