"""What the grey values of a scan say about its places, at three resolutions: self-similarity and smoothed intensity."""

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage

from orienteer.locating.descriptors import self_similarity
from orienteer.locating.volumes import Volume, volume_of
from orienteer.scans.body import BodyMap

Voxels = Float32[np.ndarray, "size0 size1 size2"]

MOST_CELLS = 300_000
"""Cells of the finest resolution: more make maps slower and hardly better."""

RESOLUTIONS = ((4.0, 3), (2.0, 2), (0.7, 1))
"""Width of the Gaussian in cells of the finest resolution and distance of the cells kept, the coarsest first."""

INTENSITY_SMOOTHING = 1.0
"""Least width of the Gaussian, in cells, for intensities, which are noisier than self-similarities."""


def grey_volumes(
    voxels: Voxels, body: BodyMap, spacing_mm: Float64[np.ndarray, "3"], origin_mm: Float64[np.ndarray, "3"]
) -> tuple[Volume, ...]:
    """Returns the descriptors of a scan, the coarsest resolution first; the last channel of each is the intensity.

    Args:
        voxels: a prepared scan.
        body: where its body is.
        spacing_mm: voxel size.
        origin_mm: centre of the first voxel.
    """
    factors = _factors(voxels.shape, spacing_mm)
    small, step_mm = _averaged(voxels, factors), spacing_mm * factors
    first_mm = origin_mm + (factors - 1) / 2 * spacing_mm
    alike, intensity = self_similarity(small), _normalised(small, body)
    volumes = []
    for width, stride in RESOLUTIONS:
        parts = [ndimage.gaussian_filter(channel, width, mode="nearest") for channel in alike]
        parts.append(ndimage.gaussian_filter(intensity, max(width, INTENSITY_SMOOTHING), mode="nearest"))
        kept = np.stack([part[::stride, ::stride, ::stride] for part in parts])
        volumes.append(volume_of(kept, first_mm, step_mm * stride))
    return tuple(volumes)


def _factors(shape: tuple[int, ...], spacing_mm: Float64[np.ndarray, "3"]) -> np.ndarray:
    """Returns how many voxels are averaged along each axis, so that cells are near cubes and not too many."""
    factors = np.ones(3, int)
    while np.prod(np.ceil(np.array(shape) / factors)) > MOST_CELLS:
        factors[int(np.argmin(factors * spacing_mm))] += 1
    return factors


def _averaged(voxels: Voxels, factors: np.ndarray) -> Float32[np.ndarray, "_ _ _"]:
    missing = [(0, int(-size % factor)) for size, factor in zip(voxels.shape, factors, strict=True)]
    whole = np.pad(voxels, missing, mode="edge")
    for axis, factor in enumerate(factors.tolist()):
        shape = (*whole.shape[:axis], -1, factor, *whole.shape[axis + 1 :])
        whole = whole.reshape(shape).mean(axis + 1)
    return whole.astype(np.float32)


def _normalised(small: Voxels, body: BodyMap) -> Voxels:
    """Returns intensities of mean 0 and deviation 1 over the body."""
    share = body.body / 255
    at = [np.minimum(np.arange(n) * b // n, b - 1) for n, b in zip(small.shape, share.shape, strict=True)]
    inside = small[share[np.ix_(*at)] > 0.5]
    values = inside if inside.size else small
    scaled: Voxels = ((small - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32)
    return scaled
