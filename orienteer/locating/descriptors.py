"""Descriptors of a place from the grey values around it, the same for all scanners and contrasts.

The modality independent neighbourhood descriptor in its form of self-similarity context: Heinrich et al., *MIND*, Medical
Image Analysis 2012, and *Towards realtime multimodal fusion for image-guided interventions using self-similarities*, MICCAI
2013, equations 1 and 2. Twelve pairs of neighbouring patches are compared; what is kept is how alike each pair is, relative
to the local variance. Departure: distances are averaged over a cube and not weighted by a Gaussian.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

Voxels = Float32[np.ndarray, "size0 size1 size2"]

NEIGHBOURS = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
PAIRS = tuple(pair for pair in combinations(NEIGHBOURS, 2) if np.square(np.subtract(*pair)).sum() == 2)
"""The twelve pairs of neighbours that lie at a right angle."""

PATCH = 3
"""Voxels along an edge of a patch."""

VARIANCE_RANGE = 1e3
"""The local variance is kept within this ratio of its mean: noise in air is no structure."""


def self_similarity(voxels: Voxels, distance_vox: int = 2) -> Float32[np.ndarray, "12 size0 size1 size2"]:
    """Returns the descriptor of every voxel, 0 to 1 in each of its channels.

    Args:
        voxels: a scan.
        distance_vox: of the neighbours from the voxel.

    Example:
        >>> scan = np.random.default_rng(0).normal(size=(12, 12, 12)).astype(np.float32)
        >>> brighter = self_similarity(3 * scan + 5)
        >>> bool(np.allclose(self_similarity(scan), brighter, atol=1e-4))
        True
    """
    padded = np.pad(voxels, distance_vox, mode="edge")

    def moved(offset: tuple[int, int, int]) -> Voxels:
        cut = tuple(
            slice(distance_vox * (1 + step), distance_vox * (1 + step) + size)
            for step, size in zip(offset, voxels.shape, strict=True)
        )
        part: Voxels = padded[cut]
        return part

    distances = np.stack(
        [ndimage.uniform_filter(np.square(moved(one) - moved(other)), PATCH, mode="nearest") for one, other in PAIRS]
    )
    distances -= distances.min(0)
    variance = distances.mean(0)
    typical = max(float(variance.mean()), 1e-12)
    variance = np.clip(variance, typical / VARIANCE_RANGE, typical * VARIANCE_RANGE)
    alike: Float32[np.ndarray, "12 size0 size1 size2"] = np.exp(-distances / variance).astype(np.float32)
    return alike
