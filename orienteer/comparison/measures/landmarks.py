"""Landmarks of label maps: places that are named by the labels alone and are the same place in every scan."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, UInt8

AXIS_ENDS = (("left", "right"), ("back", "front"), ("feet", "head"))
"""How the low and the high end of each axis of the body are called: a scan's axes go to the right, front and head."""

ENDS = tuple(name for names in AXIS_ENDS for name in names)
"""All six."""


def landmarks(
    labels: UInt8[np.ndarray, "size0 size1 size2"], classes: Sequence[int], ends: Sequence[str] = ENDS
) -> dict[tuple[int, str], Int64[np.ndarray, "3"]]:
    """Returns the voxel of each landmark by class and name; a class that is missing, or cut by the scan's border, has none.

    The middle is the voxel of the class nearest to its centre of mass. The extreme point of an axis is, among the voxels
    of the class that lie furthest out, the one nearest to their mean; ``ends`` names those that are wanted.

    Example:
        >>> labels = np.zeros((5, 4, 3), np.uint8)
        >>> labels[1:4, 2, 1] = 1
        >>> found = landmarks(labels, [1, 2])
        >>> found[1, "middle"].tolist(), found[1, "right"].tolist(), len(found)
        ([2, 2, 1], [3, 2, 1], 7)
    """
    found = {}
    for number in classes:
        voxels = np.argwhere(labels == number)
        if len(voxels) == 0 or _is_cut(voxels, labels.shape):
            continue
        found[number, "middle"] = _nearest_to_mean(voxels)
        for axis, names in enumerate(AXIS_ENDS):
            for name, end in zip(names, (voxels[:, axis].min(), voxels[:, axis].max()), strict=True):
                if name in ends:
                    found[number, name] = _nearest_to_mean(voxels[voxels[:, axis] == end])
    return found


def _is_cut(voxels: Int64[np.ndarray, "voxels 3"], shape_vox: tuple[int, ...]) -> bool:
    return bool((voxels.min(0) == 0).any() or (voxels.max(0) == np.array(shape_vox) - 1).any())


def _nearest_to_mean(voxels: Int64[np.ndarray, "voxels 3"]) -> Int64[np.ndarray, "3"]:
    away: Float64[np.ndarray, " voxels"] = np.square(voxels - voxels.mean(0)).sum(1)
    return voxels[int(away.argmin())]
