"""Arrays as NIfTI-1 files in memory, the format of the page's viewer."""

import struct
from collections.abc import Sequence

from orienteer.explorer.shown import Shown

HEADER_BYTES = 352
"""Where the voxels begin: after the header of 348 bytes and four that state that there is no extension."""

SOFT_TISSUE_HU = (-160.0, 240.0)
"""The initial window for CT: width 400, level 40."""

_INT16 = (4, 16)
"""NIfTI code of the data type, with its number of bits."""


def scan_nifti(shown: Shown, modality: str) -> bytes:
    """Returns a scan as a NIfTI file, in the scan's own values (HU for CT).

    Example:
        >>> import numpy as np
        >>> voxels = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
        >>> shown = Shown(voxels, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), 1.0, 0.0, (2.0, 2.0, 2.0), (0.0, 7.0))
        >>> len(scan_nifti(shown, "CT")) == HEADER_BYTES + 16
        True
    """
    window = SOFT_TISSUE_HU if modality == "CT" else shown.window
    scale = (shown.slope, shown.intercept)
    head = _header(shown.shape_vox, shown.spacing_mm, shown.origin_mm, _INT16, scale, window)
    return head + shown.voxels.astype("<i2", copy=False).tobytes(order="F")


def _header(
    shape: Sequence[int],
    step_mm: Sequence[float],
    origin_mm: Sequence[float],
    kind: tuple[int, int],
    scale: tuple[float, float],
    window: tuple[float, float],
) -> bytes:
    """Returns a NIfTI-1 header whose affine is in the body frame, RAS, along the axes of the array.

    Source: the fields of nifti1.h, R. W. Cox and others, NIfTI-1 Data Format, 2004.
    """
    head = bytearray(HEADER_BYTES)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, *kind)
    struct.pack_into("<8f", head, 76, 1.0, *step_mm, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, HEADER_BYTES, *scale)
    struct.pack_into("<B", head, 123, 2)  # lengths in mm
    struct.pack_into("<2f", head, 124, window[1], window[0])  # cal_max, cal_min
    struct.pack_into("<2h", head, 252, 0, 2)  # no qform; sform: aligned with a body
    for axis in range(3):
        row = [0.0, 0.0, 0.0, origin_mm[axis]]
        row[axis] = step_mm[axis]
        struct.pack_into("<4f", head, 280 + 16 * axis, *row)
    head[344:348] = b"n+1\0"
    return bytes(head)
