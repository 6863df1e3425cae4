"""Views drawn at their places in the body: the ground on which more than one task draws its picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from orienteer.draw.boxes import draw_box, draw_frame, frame_space
from orienteer.draw.palette import view_colour
from orienteer.draw.slices import in_plane, show_slice
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mpl_toolkits.mplot3d import Axes3D

INTENSITIES = (-1.0, 1.0)
"""Normalised intensities that are drawn black and white, the same for all views."""


def centres_mm(views: ViewBatch, item: int = 0) -> Float[np.ndarray, "views 3"]:
    """Returns the centres of one view set, mm, in float64."""
    return views.centres_mm[item].detach().cpu().double().numpy()


def voxels_to_mm(views: ViewBatch, view: int, points_vox: Float[np.ndarray, "*points 3"], item: int = 0) -> np.ndarray:
    """Returns where points given in the voxels of one view lie in the body, mm."""
    middle_vox = (np.array(views.size_vox) - 1) / 2
    return centres_mm(views, item)[view] + (points_vox - middle_vox) * np.array(views.spacing_mm)


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
    """Draws two views of the first set in space, and of each the two parts that face and turn away from the other.

    Args:
        axes: with ``projection="3d"``.
        views: the batch.
        pair: numbers of the two views.
        parts_vox: middles of the near and the far part of view i with respect to view j, in the voxels of view i.
        part_mm: edges of a part.
        colours: of near parts and of far ones, which are dashed.
    """
    extent_mm = np.array(views.size_vox) * np.array(views.spacing_mm)
    middles_mm = centres_mm(views)
    for number, (view, other) in enumerate((pair, pair[::-1])):
        draw_frame(axes, middles_mm[view], extent_mm, view_colour(number))
        for side, colour in enumerate(colours):
            draw_frame(axes, voxels_to_mm(views, view, parts_vox[view, other, side]), part_mm, colour, dashed=side == 1)
    both_mm = middles_mm[list(pair)]
    frame_space(axes, both_mm.min(0) - 0.55 * extent_mm, both_mm.max(0) + 0.55 * extent_mm)


def show_views(axes: "Axes", views: ViewBatch, which: Sequence[int], axis: int, item: int = 0) -> None:
    """Draws the middle slices of some views of one set at their places in mm, framed; several are named too.

    Args:
        axes: where to draw.
        views: the batch.
        which: numbers of the views.
        axis: the axis that the slices are cut across.
        item: number of the view set in the batch.
    """
    extent_mm = np.array(views.size_vox) * np.array(views.spacing_mm)
    for view in which:
        volume = views.images[item, view, 0].detach().float().cpu().numpy()
        name = f"view {view + 1}" if len(which) > 1 else None
        first_voxel_mm = voxels_to_mm(views, view, np.zeros(3), item).tolist()
        show_slice(axes, volume, axis, views.size_vox[axis] // 2, views.spacing_mm, first_voxel_mm, INTENSITIES)
        draw_box(axes, axis, centres_mm(views, item)[view], extent_mm, view_colour(view), label=name)
    places = centres_mm(views, item)[list(which)]
    across, up = in_plane(axis)
    low, high = (places.min(axis=0) - 0.55 * extent_mm), (places.max(axis=0) + 0.55 * extent_mm)
    axes.set_xlim(high[across], low[across])  # radiological, as show_slice draws it
    axes.set_ylim(low[up], high[up])
