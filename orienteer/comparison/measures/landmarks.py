"""Landmarks of label maps: places that labels alone define and that are the same place in every scan."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from orienteer.comparison.plan.measurements import AXIS_ENDS, ENDS


def landmarks(
    labels: UInt8[np.ndarray, "size0 size1 size2"], classes: Sequence[int], ends: Sequence[str] = ENDS
) -> dict[tuple[int, str], Int64[np.ndarray, "3"]]:
    """Returns the voxel of each landmark by class and name; a class that is missing, or cut by the scan's border, has none.

    The centre is the voxel of the class nearest to its centre of mass. The extreme point of an axis is, among the outermost
    voxels of the class, the one nearest to their mean; ``ends`` names the wanted ones.

    Example:
        >>> labels = np.zeros((5, 4, 3), np.uint8)
        >>> labels[1:4, 2, 1] = 1
        >>> marks = landmarks(labels, [1, 2])
        >>> marks[1, "centre"].tolist(), marks[1, "right"].tolist(), len(marks)
        ([2, 2, 1], [3, 2, 1], 7)
    """
    marks = {}
    for number in classes:
        voxels = np.argwhere(labels == number)
        if len(voxels) == 0 or _is_cut(voxels, labels.shape):
            continue
        marks[number, "centre"] = _nearest_to_mean(voxels)
        for axis, names in enumerate(AXIS_ENDS):
            for name, end in zip(names, (voxels[:, axis].min(), voxels[:, axis].max()), strict=True):
                if name in ends:
                    marks[number, name] = _nearest_to_mean(voxels[voxels[:, axis] == end])
    return marks


def _is_cut(voxels: Int64[np.ndarray, "voxels 3"], shape_vox: tuple[int, ...]) -> bool:
    return bool((voxels.min(0) == 0).any() or (voxels.max(0) == np.array(shape_vox) - 1).any())


def _nearest_to_mean(voxels: Int64[np.ndarray, "voxels 3"]) -> Int64[np.ndarray, "3"]:
    away: Float64[np.ndarray, " voxels"] = np.square(voxels - voxels.mean(0)).sum(1)
    voxel: np.ndarray = voxels[int(away.argmin())]
    return voxel
