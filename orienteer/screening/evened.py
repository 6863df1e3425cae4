"""Values of two scans made comparable: where both show a body, by the share of that body that is darker."""

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import gaussian_filter

SMOOTH_VOX = 1.0
"""Noise in air is smoothed away by so much before body is told from air."""

DARK, BRIGHT = 20.0, 250.0
"""Grey values beyond are air, or may have been cut off by a window: detail there is noise, or lost in one of two copies."""

GREYS = 256
"""A small copy has 8 bits."""

Volume = Float32[np.ndarray, "size0 size1 size2"]
Mask = Bool[np.ndarray, "size0 size1 size2"]


def in_both(first: Volume, second: Volume) -> Mask:
    """Returns the voxels at which both copies show a body, neither air nor what a window cut off.

    Example:
        >>> body, air = np.full((9, 9, 9), 100, np.float32), np.zeros((9, 9, 9), np.float32)
        >>> bool(in_both(body, body).all()), bool(in_both(body, air).any())
        (True, False)
    """
    masks = []
    for voxels in (first, second):
        smooth = gaussian_filter(voxels, SMOOTH_VOX, mode="nearest")
        masks.append((smooth > DARK) & (smooth < BRIGHT))
    both: Mask = masks[0] & masks[1]
    return both


def evened(voxels: Volume, body: Mask) -> Volume:
    """Returns 255 times the share of the body that is darker than each voxel.

    So two copies through different windows of intensity, or with another contrast curve, have the same values.

    Args:
        voxels: 0 to 255.
        body: the voxels that count, at least one.

    Example:
        >>> ramp = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
        >>> body = np.ones((2, 2, 2), bool)
        >>> bool(np.array_equal(evened(ramp, body), evened(10 * ramp + 50, body)))
        True
    """
    grey = np.clip(np.rint(voxels), 0, GREYS - 1).astype(np.uint8)
    counts = np.bincount(grey[body], minlength=GREYS)
    darker = (np.cumsum(counts) - counts / 2) / counts.sum()
    shares: Volume = ((GREYS - 1) * darker).astype(np.float32)[grey]
    return shares
