"""Arrays as NIfTI-1 files in memory, the format of the page's viewer."""

import struct
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from orienteer.explorer.scan import OpenScan

HEADER_BYTES = 352
"""Where the voxels begin: after the header of 348 bytes and four that state that there is no extension."""

SOFT_TISSUE_HU = (-200.0, 300.0)
"""The initial window for CT."""

NOTHING = -2.0
"""The value of cells in air: below every cosine, drawn transparent."""

_INT16, _FLOAT32 = (4, 16), (16, 32)
"""NIfTI codes of data types, with their number of bits."""


def scan_nifti(scan: OpenScan) -> bytes:
    """Returns a prepared scan as a NIfTI file, in the scan's own values (HU for CT).

    Example:
        >>> from orienteer.scans.body import body_map
        >>> voxels = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
        >>> body = body_map(np.ones((2, 2, 2), bool))
        >>> scan = OpenScan("a.nii", voxels, body, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), "CT", (-1000.0, 1000.0))
        >>> len(scan_nifti(scan)) == HEADER_BYTES + 16
        True
    """
    low, high = scan.value_range
    window = SOFT_TISSUE_HU if scan.modality == "CT" else scan.value_range
    scale = ((high - low) / 2000, (high + low) / 2)  # stored -1000 is low, 1000 is high
    head = _header(scan.shape_vox, scan.spacing_mm, scan.origin_mm, _INT16, scale, window)
    return head + scan.stored.astype("<i2").tobytes(order="F")


def cosine_nifti(
    cosine: Float32[np.ndarray, "cells0 cells1 cells2"], origin_mm: Sequence[float], cell_mm: Sequence[float]
) -> bytes:
    """Returns a heat map as a NIfTI file; NaN becomes ``NOTHING``."""
    head = _header(cosine.shape, cell_mm, origin_mm, _FLOAT32, (1.0, 0.0), (-1.0, 1.0))
    cells: bytes = np.nan_to_num(cosine, nan=NOTHING).astype("<f4").tobytes(order="F")
    return head + cells


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
