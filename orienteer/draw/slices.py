"""Slices of a volume, in mm and with the sides of the body marked.

Slices are shown as radiologists read them: the patient's right is on the left of an axial or coronal slice, the front
is on the left of a sagittal one, front and head are up.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Num, Shaped

from orienteer.draw.palette import MARK
from orienteer.errors import InputError
from orienteer.types import AXIS_NAMES, Triple, TripleMm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLANES = ("sagittal", "coronal", "axial")
"""Name of a slice across each array axis."""

SIDES = (("L", "R"), ("P", "A"), ("F", "H"))
"""The side of the body at the low and at the high end of each array axis (posterior, anterior, foot, head)."""

PointMm = Sequence[float] | Num[np.ndarray, " 3"]
"""A point or a size in mm in the body frame."""

Volume = Shaped[np.ndarray, "size0 size1 size2"]
"""The voxels of a scan or of a view, in array order."""


def in_plane(axis: int) -> tuple[int, int]:
    """Returns which array axes run across and up a slice that is cut across ``axis``.

    Example:
        >>> [in_plane(axis) for axis in range(3)]
        [(1, 2), (0, 2), (0, 1)]
    """
    if axis not in (0, 1, 2):
        raise InputError("axis", wanted="0, 1 or 2", got=str(axis), do="use 0 for sagittal, 1 for coronal, 2 for axial")
    across, up = (other for other in range(3) if other != axis)
    return across, up


def show_slice(
    axes: "Axes",
    volume: Volume,
    axis: int,
    at_vox: int | Triple,
    spacing_mm: TripleMm,
    origin_mm: PointMm = (0.0, 0.0, 0.0),
    limits: tuple[float, float] | None = None,
) -> None:
    """Draws one grey slice of ``volume`` on ``axes``, in mm of the body frame, named and with its sides marked.

    Args:
        axes: where to draw; boxes and arrows can be drawn on the same axes later.
        volume: voxels in array order (RAS).
        axis: the axis that the slice is cut across: 0 sagittal, 1 coronal, 2 axial.
        at_vox: index of the slice along ``axis``, or a voxel (three indices) that the slice passes through.
        spacing_mm: voxel size.
        origin_mm: centre of voxel 0.
        limits: values shown as black and as white; by default the range of the whole volume.

    Raises:
        InputError: the slice lies outside the volume.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> axes = new_figure().subplots()
        >>> show_slice(axes, np.zeros((4, 5, 6), np.float32), axis=2, at_vox=3, spacing_mm=(2.0, 2.0, 5.0))
        >>> axes.get_title(loc="left")
        'axial, 15 mm'
    """
    across, up = in_plane(axis)
    index = at_vox if isinstance(at_vox, int) else at_vox[axis]
    _check_index(index, volume.shape[axis], axis)
    dark, bright = limits or _range(volume)
    low, high = _edges(volume.shape, spacing_mm, origin_mm)
    axes.imshow(
        np.take(volume, index, axis=axis).T,
        origin="lower",
        extent=(low[across], high[across], low[up], high[up]),
        cmap="gray",
        vmin=dark,
        vmax=bright,
        aspect="equal",
        interpolation="nearest",
    )
    axes.set_xlim(high[across], low[across])  # radiological: the high end of the horizontal axis is on the left
    axes.set_ylim(low[up], high[up])
    axes.set_facecolor("black")
    axes.set_title(f"{PLANES[axis]}, {origin_mm[axis] + index * spacing_mm[axis]:.0f} mm", loc="left", fontsize=9)
    axes.set_xlabel(f"{AXIS_NAMES[across]}, mm", fontsize=8)
    axes.set_ylabel(f"{AXIS_NAMES[up]}, mm", fontsize=8)
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=7)
    _mark_sides(axes, across, up)


def three_slices(
    figure: Any,
    volume: Volume,
    at_vox: Triple,
    spacing_mm: TripleMm,
    origin_mm: PointMm = (0.0, 0.0, 0.0),
    limits: tuple[float, float] | None = None,
) -> list["Axes"]:
    """Draws the sagittal, coronal and axial slice through one voxel side by side, at one common scale.

    Args:
        figure: a figure or subfigure without contents.
        volume: voxels in array order (RAS).
        at_vox: the voxel that all three slices pass through.
        spacing_mm: voxel size.
        origin_mm: centre of voxel 0.
        limits: values shown as black and as white; by default the range of the whole volume.

    Returns:
        The three axes; number a shows the slice across array axis a.
    """
    extent = np.array(volume.shape) * np.array(spacing_mm)
    widths = [float(extent[in_plane(axis)[0]]) for axis in range(3)]
    panels = list(figure.subplots(1, 3, width_ratios=widths))
    limits = limits or _range(volume)
    for axis, axes in enumerate(panels):
        show_slice(axes, volume, axis, at_vox, spacing_mm, origin_mm, limits)
    return panels


def write_on_scan(axes: "Axes", text: str, place: tuple[float, float], colour: str, above: bool = True) -> None:
    """Writes a label at a point of a slice, black on a coloured tag, legible on any tissue.

    Args:
        axes: axes of a slice that is already drawn.
        text: what to write.
        place: the point, in mm along the two axes of the slice.
        colour: colour of the tag.
        above: put the tag above the point, otherwise below.
    """
    share, _ = axes.transAxes.inverted().transform(axes.transData.transform(place))
    axes.annotate(
        text,
        place,
        xytext=(0, 4 if above else -4),
        textcoords="offset points",
        # Near a border the tag extends inwards, so that it stays on the scan.
        horizontalalignment="left" if share < 0.25 else "right" if share > 0.75 else "center",
        verticalalignment="bottom" if above else "top",
        color="black",
        fontsize=7,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": colour, "edgecolor": "none"},
        annotation_clip=True,
    )


def _edges(shape: tuple[int, ...], spacing_mm: TripleMm, origin_mm: PointMm) -> tuple[list[float], list[float]]:
    # The picture's borders are the outer faces of the first and last voxels, half a voxel outside their centres.
    low = [float(origin_mm[a]) - spacing_mm[a] / 2 for a in range(3)]
    return low, [low[a] + shape[a] * spacing_mm[a] for a in range(3)]


def _range(volume: Volume) -> tuple[float, float]:
    low, high = float(volume.min()), float(volume.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _check_index(index: int, size: int, axis: int) -> None:
    if not 0 <= index < size:
        raise InputError(
            "at_vox", wanted=f"0 to {size - 1} on axis {axis}", got=str(index), do="choose a voxel inside the volume"
        )


def _outlined() -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2, foreground="black")]


def _mark_sides(axes: "Axes", across: int, up: int) -> None:
    left, right, bottom, top = SIDES[across][1], SIDES[across][0], SIDES[up][0], SIDES[up][1]
    places = ((left, 0.03, 0.5), (right, 0.97, 0.5), (bottom, 0.5, 0.03), (top, 0.5, 0.97))
    for letter, x, y in places:
        axes.text(
            x,
            y,
            letter,
            transform=axes.transAxes,
            color=MARK,
            fontsize=9,
            fontweight="bold",
            horizontalalignment={0.03: "left", 0.97: "right"}.get(x, "center"),
            verticalalignment={0.03: "bottom", 0.97: "top"}.get(y, "center"),
            path_effects=_outlined(),
        )
