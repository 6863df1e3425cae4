"""Linear interpolation from one grid of voxels to another, each placed by a matrix from its voxels to mm (RAS)."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from scipy import ndimage

from orienteer.scans.scan_grid import within
from orienteer.types import Triple

Affine = Float64[np.ndarray, "4 4"]


def resampled(
    values: Float32[np.ndarray, "size0 size1 size2"], affine: Affine, onto: Affine, shape_vox: Triple, outside: float
) -> Float32[np.ndarray, "new0 new1 new2"]:
    """Returns values on another grid.

    Args:
        affine: of the values' grid.
        onto: of the new grid.
        shape_vox: size of the new grid.
        outside: value of voxels whose centre lies beyond the outer edges of the values' voxels.
    """
    step = np.linalg.inv(affine) @ onto
    new: Float32[np.ndarray, "new0 new1 new2"] = ndimage.affine_transform(
        values, step[:3, :3], step[:3, 3], output_shape=shape_vox, order=1, mode="nearest", output=np.float32
    )
    size0, size1, size2 = values.shape
    new[~within(step[:3, 3], step[:3, :3], (size0, size1, size2), shape_vox)] = outside
    return new


def strongest(
    channels: Iterable[Float32[np.ndarray, "size0 size1 size2"]], affine: Affine, onto: Affine, shape_vox: Triple
) -> UInt8[np.ndarray, "new0 new1 new2"]:
    """Returns the number of the channel with the highest value at each voxel of another grid; outside it is channel 0.

    Memory holds two channels, however many there are.
    """
    best = np.full(shape_vox, -np.inf, np.float32)
    chosen = np.zeros(shape_vox, np.uint8)
    for number, channel in enumerate(channels):
        new = resampled(channel, affine, onto, shape_vox, float(number == 0))
        better = new > best
        best[better] = new[better]
        chosen[better] = number
    return chosen
