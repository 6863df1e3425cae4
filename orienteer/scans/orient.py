"""Permutes and flips the axes of a scan to those closest to RAS. No value changes."""

from itertools import permutations
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from orienteer.types import Triple, TripleMm

NumberT = TypeVar("NumberT", int, float)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"""SimpleITK and DICOM count mm towards left and back; the body frame counts towards right and front."""

NEAR_IDENTITY = 1e-5
"""Rounding in headers. Over half a metre it moves a voxel by 0.005 mm."""


class Frame(NamedTuple):
    """The geometry of the voxels: the centre of voxel ``ijk`` is at ``origin_mm + axes @ (ijk * spacing_mm)``."""

    shape_vox: Triple
    spacing_mm: TripleMm
    origin_mm: TripleMm
    axes: Float[np.ndarray, "3 3"]


class Turn(NamedTuple):
    """How a file's axes become body axes: new axis b is file axis ``order[b]``, reversed where ``flipped[b]``."""

    order: Triple
    flipped: tuple[bool, bool, bool]

    def apply(self, voxels: Shaped[np.ndarray, "file0 file1 file2"]) -> Shaped[np.ndarray, "size0 size1 size2"]:
        """Returns a view of the array with its axes permuted and flipped."""
        left_right, back_front, foot_head = (slice(None, None, -1) if flip else slice(None) for flip in self.flipped)
        return voxels.transpose(self.order)[left_right, back_front, foot_head]


def turn_to_ras(
    shape_vox: Triple, spacing_mm: TripleMm, origin_lps_mm: TripleMm, direction_lps: Float[np.ndarray, "3 3"]
) -> tuple[Turn, Frame]:
    """Returns how to turn a file's array to RAS order, and where its voxels lie afterwards.

    Args:
        shape_vox: size in the file's axis order.
        spacing_mm: per file axis.
        origin_lps_mm: centre of the file's voxel 0, mm towards left, back, head (as SimpleITK and DICOM give it).
        direction_lps: column a is the unit vector of file axis a in that frame.

    Example:
        >>> turn, frame = turn_to_ras((4, 5, 6), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), np.eye(3))
        >>> turn.flipped, frame.origin_mm
        ((True, True, False), (-3.0, -8.0, 0.0))
    """
    direction = LPS_TO_RAS @ direction_lps
    order = max(permutations(range(3)), key=lambda axes: sum(abs(direction[body, axes[body]]) for body in range(3)))
    flipped = tuple(bool(direction[body, order[body]] < 0) for body in range(3))
    origin = LPS_TO_RAS @ np.asarray(origin_lps_mm, dtype=np.float64)
    for body, axis in enumerate(order):
        if flipped[body]:
            origin = origin + direction[:, axis] * (shape_vox[axis] - 1) * spacing_mm[axis]
    signs = np.where(flipped, -1.0, 1.0)
    axes = direction[:, order] * signs + 0.0  # adding zero turns -0.0 into 0.0
    if np.abs(axes - np.eye(3)).max() < NEAR_IDENTITY:
        axes = np.eye(3)
    frame = Frame(_reordered(shape_vox, order), _reordered(spacing_mm, order), _floats(origin), axes)
    turn = Turn((order[0], order[1], order[2]), (flipped[0], flipped[1], flipped[2]))
    return turn, frame


def _reordered(values: tuple[NumberT, NumberT, NumberT], order: tuple[int, ...]) -> tuple[NumberT, NumberT, NumberT]:
    first, second, third = (values[axis] for axis in order)
    return first, second, third


def _floats(values: Float[np.ndarray, "3"]) -> TripleMm:
    return float(values[0]) + 0.0, float(values[1]) + 0.0, float(values[2]) + 0.0
