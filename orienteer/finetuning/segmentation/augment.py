"""Augmentation of labelled patches: rotation, scaling and mirroring in one interpolation, then intensity changes."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from orienteer.finetuning.segmentation.patches import LOWEST, PatchBatch
from orienteer.types import TripleMm
from orienteer.views.augment import Augmentation, AugmentationParameters, apply, draw_parameters

ROTATED, SCALED = 0.5, 0.5
"""Share of patches that are rotated, and that are scaled."""

MOST_DEGREES = 15.0
"""Largest rotation about each axis."""

MOST_SCALE = 1.25
"""Largest scale factor; the smallest is its inverse."""

MIRRORED = {"left-right": (True, False, False), "all": (True, True, True), "none": (False, False, False)}
"""Axes along which half of the patches are mirrored, by the setting ``mirror``."""

INTENSITY = Augmentation(
    scale_probability=0.2,
    scale_range=(0.75, 1.25),
    shift_probability=0.2,
    shift_range=(-0.15, 0.15),
    gamma_probability=0.3,
    gamma_range=(0.7, 1.5),
    noise_probability=0.1,
    noise_range=(0.0, 0.1),
    blur_probability=0.1,
    blur_range_vox=(0.5, 1.0),
    low_resolution_probability=0.1,
    low_resolution_range=(1.0, 2.0),
)
"""About the frequency and strength of nnU-Net's intensity augmentation."""


@dataclass(frozen=True)
class PatchChanges:
    """The drawn augmentation of a batch of patches.

    Attributes:
        moves: for each patch the matrix from positions in the new patch to positions in the old one, mm from the centre,
            array order.
        intensity: the intensity changes.
    """

    moves: Float64[np.ndarray, "batch 3 3"]
    intensity: AugmentationParameters


def draw_changes(rng: np.random.Generator, batch: int, mirror: str) -> PatchChanges:
    """Returns random changes for each patch of a batch.

    Args:
        mirror: a key of ``MIRRORED``.

    Example:
        >>> changes = draw_changes(np.random.default_rng(0), batch=2, mirror="none")
        >>> changes.moves.shape, bool((np.linalg.det(changes.moves) > 0).all())
        ((2, 3, 3), True)
    """
    angles = np.deg2rad(rng.uniform(-MOST_DEGREES, MOST_DEGREES, (batch, 3))) * (rng.random((batch, 1)) < ROTATED)
    scale = np.exp(rng.uniform(-1, 1, batch) * np.log(MOST_SCALE) * (rng.random(batch) < SCALED))
    signs = np.where((rng.random((batch, 3)) < 0.5) & MIRRORED[mirror], -1.0, 1.0)
    moves = np.stack([_rotation(*turn) for turn in angles]) * signs[:, None, :] / scale[:, None, None]
    return PatchChanges(moves, draw_parameters(rng, batch, INTENSITY))


def apply_changes(batch: PatchBatch, changes: PatchChanges, spacing_mm: TripleMm) -> PatchBatch:
    """Returns the patches after the drawn changes.

    Images are interpolated linearly, labels by nearest neighbour; beyond the patch both are filled as beyond the border
    of a scan.
    """
    images, labels = batch.images, batch.labels
    if not np.array_equal(changes.moves, np.broadcast_to(np.eye(3), changes.moves.shape)):
        theta = _theta(changes.moves, tuple(images.shape[2:]), spacing_mm).to(images)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        images = F.grid_sample(images - LOWEST, grid, mode="bilinear", align_corners=False) + LOWEST
        labels = F.grid_sample(labels.to(images.dtype), grid, mode="nearest", align_corners=False).to(
            batch.labels.dtype
        )
    return PatchBatch(apply(images, changes.intensity), labels, batch.names)


def _theta(moves: np.ndarray, size: tuple[int, ...], spacing_mm: TripleMm) -> Tensor:
    """Returns the matrices in torch's convention: each axis from -1 to 1, the last axis first, ``(batch, 3, 4)``."""
    half_mm = np.array(size) * np.array(spacing_mm) / 2
    shares = moves * half_mm[None, None, :] / half_mm[None, :, None]
    turned = np.ascontiguousarray(shares[:, ::-1, ::-1])
    return torch.from_numpy(np.concatenate([turned, np.zeros((len(moves), 3, 1))], axis=2))


def _rotation(first: float, second: float, third: float) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate((first, second, third)):
        a, b = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix
