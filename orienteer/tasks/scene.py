"""Views drawn at their places in the body, as several tasks need them in their pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from orienteer.draw.boxes import draw_box, draw_frame, frame_space
from orienteer.draw.palette import YELLOW, view_colour
from orienteer.draw.slices import in_plane, show_slice
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mpl_toolkits.mplot3d import Axes3D

INTENSITIES = (-1.0, 1.0)
"""Normalised intensities that are drawn black and white, the same for all views."""


def centres_mm(views: ViewBatch, item: int = 0) -> Float[np.ndarray, "views 3"]:
    """Returns the centres of one view set, mm, in float64."""
    centres: np.ndarray = views.centres_mm[item].detach().cpu().double().numpy()
    return centres


def voxels_to_mm(
    views: ViewBatch, view: int, points_vox: Float[np.ndarray, "*points 3"], item: int = 0
) -> Float[np.ndarray, "*points 3"]:
    """Returns the body-frame positions, mm, of points given in the voxels of one view."""
    centre_vox = (np.array(views.size_vox) - 1) / 2
    points: np.ndarray = centres_mm(views, item)[view] + (points_vox - centre_vox) * np.array(views.spacing_mm)
    return points


def flattest_axis(offsets_mm: Float[np.ndarray, "*points 3"]) -> int:
    """Returns the axis along which offsets are smallest: a slice across it shows most of them.

    Example:
        >>> flattest_axis(np.array([30.0, -80.0, 5.0]))
        2
    """
    return int(np.abs(offsets_mm).reshape(-1, 3).sum(axis=0).argmin())


def frame_pair(
    axes: "Axes3D",
    views: ViewBatch,
    pair: tuple[int, int],
    parts_vox: Float[np.ndarray, "views views sides=2 3"],
    part_mm: Float[np.ndarray, " 3"],
    colours: tuple[str, str],
) -> None:
    """Draws two views of the first set in 3D, and of each the parts that face towards and away from the other.

    Args:
        axes: with ``projection="3d"``.
        views: the batch.
        pair: numbers of the two views.
        parts_vox: centres of the near and the far part of view i with respect to view j, in the voxels of view i.
        part_mm: edge lengths of a part, mm.
        colours: of near parts and of far ones, which are dashed.
    """
    extent_mm = np.array(views.size_vox) * np.array(views.spacing_mm)
    view_centres_mm = centres_mm(views)
    for number, (view, other) in enumerate((pair, pair[::-1])):
        draw_frame(axes, view_centres_mm[view], extent_mm, view_colour(number))
        for side, colour in enumerate(colours):
            draw_frame(axes, voxels_to_mm(views, view, parts_vox[view, other, side]), part_mm, colour, dashed=side == 1)
    both_mm = view_centres_mm[list(pair)]
    frame_space(axes, both_mm.min(0) - 0.55 * extent_mm, both_mm.max(0) + 0.55 * extent_mm)


def show_central_slice(
    axes: "Axes", views: ViewBatch, view: int, axis: int, item: int = 0, voxels: Tensor | None = None
) -> None:
    """Draws the central slice of a view at its place in mm.

    Args:
        axes: where to draw.
        views: the batch.
        view: number of the view in its set.
        axis: the axis that the slice is cut across.
        item: number of the view set in the batch.
        voxels: drawn in place of ``views.images``; of the same shape.
    """
    shown = views.images if voxels is None else voxels
    volume = shown[item, view, 0].detach().float().cpu().numpy()
    first_voxel_mm = voxels_to_mm(views, view, np.zeros(3), item).tolist()
    show_slice(axes, volume, axis, views.size_vox[axis] // 2, views.spacing_mm, first_voxel_mm, INTENSITIES)


def outline_hidden(axes: "Axes", views: ViewBatch, view: int, axis: int, item: int = 0) -> None:
    """Outlines what was hidden from the model in the central slice of a view; draws nothing where nothing was."""
    if views.distorted is None:
        return
    hidden = views.distorted.hidden[item, view, 0].select(axis, views.size_vox[axis] // 2).cpu().numpy()
    if not hidden.any():
        return
    across, up = in_plane(axis)
    first_mm, step_mm = voxels_to_mm(views, view, np.zeros(3), item), np.array(views.spacing_mm)
    # A border that is not hidden closes the outlines at the edge of the view.
    framed = np.pad(hidden.astype(float), 1)
    along = [
        first_mm[a] + step_mm[a] * np.arange(-1, size + 1) for a, size in zip((across, up), hidden.shape, strict=True)
    ]
    axes.contour(*along, framed.T, levels=[0.5], colors=[YELLOW], linewidths=0.8, linestyles="dotted")


def show_views(axes: "Axes", views: ViewBatch, which: Sequence[int], axis: int, item: int = 0) -> None:
    """Draws the central slices of views of one set at their places in mm, framed; several views are labelled too.

    The scan is drawn as it is; what was hidden from the model is outlined.

    Args:
        axes: where to draw.
        views: the batch.
        which: numbers of the views.
        axis: the axis that the slices are cut across.
        item: number of the view set in the batch.
    """
    extent_mm = np.array(views.size_vox) * np.array(views.spacing_mm)
    view_centres_mm = centres_mm(views, item)
    for view in which:
        name = f"view {view + 1}" if len(which) > 1 else None
        show_central_slice(axes, views, view, axis, item, voxels=views.clean)
        outline_hidden(axes, views, view, axis, item)
        draw_box(axes, axis, view_centres_mm[view], extent_mm, view_colour(view), label=name)
    shown_mm = view_centres_mm[list(which)]
    across, up = in_plane(axis)
    low, high = (shown_mm.min(axis=0) - 0.55 * extent_mm), (shown_mm.max(axis=0) + 0.55 * extent_mm)
    axes.set_xlim(high[across], low[across])  # radiological, as show_slice draws it
    axes.set_ylim(low[up], high[up])
