"""Label maps and predictions resampled between the grid of a file and a prepared one."""

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float32, UInt8

from orienteer.labelled.grids import Geometry


def labels_on_grid(
    indices: UInt8[np.ndarray, "file2 file1 file0"], classes: int, file_grid: Geometry, grid: Geometry
) -> UInt8[np.ndarray, "size0 size1 size2"]:
    """Returns a label map on a prepared grid: each class is interpolated linearly, and the strongest one wins.

    Args:
        indices: class numbers 0, 1, ... in file order.
        classes: how many there are.
        file_grid: grid of the label map.
        grid: the prepared grid.
    """

    def channel(number: int) -> sitk.Image:
        return file_grid.image((indices == number).astype(np.float32))

    channels = (_resampled(channel(number), grid, float(number == 0)) for number in range(classes))
    strongest = _strongest(channels, grid)
    return np.ascontiguousarray(strongest.transpose(2, 1, 0))


def probabilities_on_file(
    probabilities: Float32[np.ndarray, "classes size0 size1 size2"], grid: Geometry, file_grid: Geometry
) -> UInt8[np.ndarray, "file2 file1 file0"]:
    """Returns the most probable class of every voxel of a file, from probabilities on a prepared grid.

    Voxels outside the grid are background.
    """

    def channel(number: int) -> sitk.Image:
        return grid.image(probabilities[number].transpose(2, 1, 0))

    channels = (_resampled(channel(number), file_grid, float(number == 0)) for number in range(len(probabilities)))
    return _strongest(channels, file_grid)


def _resampled(channel: sitk.Image, onto: Geometry, outside: float) -> np.ndarray:
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(onto.size)
    resampler.SetOutputSpacing(onto.spacing_mm)
    resampler.SetOutputOrigin(onto.origin_lps_mm)
    resampler.SetOutputDirection(onto.direction_lps)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    return sitk.GetArrayFromImage(resampler.Execute(channel))


def _strongest(channels: Iterable[np.ndarray], onto: Geometry) -> np.ndarray:
    """Returns the class with the highest value at each voxel. Memory holds two channels, however many classes there are."""
    best = np.full(onto.size[::-1], -np.inf, np.float32)
    chosen = np.zeros(onto.size[::-1], np.uint8)
    for number, channel in enumerate(channels):
        better = channel > best
        best[better] = channel[better]
        chosen[better] = number
    return chosen
