"""Slices of a whole scan through a point."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from orienteer.draw.slices import show_slice, three_slices
from orienteer.report.whole_scan import WholeScan
from orienteer.tasks.scene import INTENSITIES
from orienteer.types import Triple

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def slices_through(figure: Any, scan: WholeScan, point_mm: Float[np.ndarray, " 3"]) -> Sequence["Axes"]:
    """Draws the sagittal, coronal and axial slice of a scan nearest to a point, and returns their axes.

    Args:
        figure: a figure or subfigure without contents.
        scan: the scan.
        point_mm: in the body frame; slices stay inside the scan.
    """
    return three_slices(figure, scan.voxels, _voxel(scan, point_mm), scan.spacing_mm, scan.origin_mm, INTENSITIES)


def slice_through(figure: Any, scan: WholeScan, point_mm: Float[np.ndarray, " 3"], axis: int) -> "Axes":
    """Draws one slice of a scan nearest to a point, and returns its axes.

    Args:
        figure: a figure or subfigure without contents.
        scan: the scan.
        point_mm: in the body frame; the slice stays inside the scan.
        axis: the axis that the slice is cut across.
    """
    axes: Axes = figure.subplots()
    show_slice(axes, scan.voxels, axis, _voxel(scan, point_mm), scan.spacing_mm, scan.origin_mm, INTENSITIES)
    return axes


def _voxel(scan: WholeScan, point_mm: Float[np.ndarray, " 3"]) -> Triple:
    voxel = np.rint((point_mm - np.array(scan.origin_mm)) / np.array(scan.spacing_mm)).astype(int)
    i, j, k = (int(np.clip(index, 0, size - 1)) for index, size in zip(voxel, scan.shape_vox, strict=True))
    return i, j, k
