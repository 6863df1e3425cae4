"""Detail of small copies: what is left without the slow changes, by which an image is recognised and a person too."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import gaussian_filter

from orienteer.types import Triple, TripleMm

FINE_VOX, SLOW_VOX = 0.7, 2.5
"""Widths of the two Gaussians, in voxels, whose difference is the detail."""

NEAR_VOX, FLAT = 4.0, 0.3
"""Detail is divided by its usual strength within so many voxels, to which this share of that of the whole copy is added: noise
in air is not made as strong as anatomy."""


@dataclass(frozen=True)
class Form:
    """What a small copy is beside its voxels, which lie in a file.

    Attributes:
        shape_vox: voxels along each axis.
        step_mm: edge of a voxel.
        origin_mm: centre of voxel 0 in the body frame.
    """

    shape_vox: Triple
    step_mm: float
    origin_mm: TripleMm

    @property
    def size_mm(self) -> TripleMm:
        """Length along each axis."""
        across, deep, high = (size * self.step_mm for size in self.shape_vox)
        return across, deep, high


Copy = tuple[Path, Form]
"""The file of a small copy, and its form."""


@lru_cache(maxsize=16)
def read_copy(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "size0 size1 size2"]:
    """Returns the voxels of a small copy from its file."""
    return np.frombuffer(path.read_bytes(), np.uint8).reshape(shape)


def at_step(copy: Copy, step_mm: float) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns a small copy at a coarser step, by the means of whole blocks.

    Args:
        copy: its file and form.
        step_mm: a multiple of its own step.
    """
    path, form = copy
    voxels = read_copy(path, form.shape_vox)
    return blocks(voxels, max(1, round(step_mm / form.step_mm)))


def blocks(voxels: np.ndarray, factor: int) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns means over blocks of voxels; the last ones of an axis may be smaller.

    Example:
        >>> blocks(np.arange(8).reshape(2, 2, 2), 2).tolist()
        [[[3.5]]]
    """
    sums = voxels.astype(np.float32)
    for axis, size in enumerate(voxels.shape):
        if factor > 1:
            edges = np.arange(0, size, factor)
            sums = np.add.reduceat(sums, edges, axis=axis)
            counts = np.diff(np.append(edges, size)).astype(np.float32)
            sums /= counts.reshape([-1 if other == axis else 1 for other in range(3)])
    return sums


def detail(voxels: Float32[np.ndarray, "size0 size1 size2"]) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns the detail of a copy, nearly as strong where an image is flat as where it is full of contrast.

    So two copies through different windows of intensity have nearly the same.
    """
    slow: Float32[np.ndarray, "size0 size1 size2"] = gaussian_filter(voxels, SLOW_VOX, mode="nearest")
    fine = gaussian_filter(voxels, FINE_VOX, mode="nearest") - slow
    usual = np.float32(np.sqrt((fine**2).mean()))
    near = np.sqrt(gaussian_filter(fine**2, NEAR_VOX, mode="nearest"))
    evened: Float32[np.ndarray, "size0 size1 size2"] = np.clip(fine / np.maximum(near + FLAT * usual, 1e-6), -4, 4)
    return evened.astype(np.float32)
