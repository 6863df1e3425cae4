"""What the baselines of retrieval use as features of a place: its coordinates, or the intensities of a patch around it."""

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float64
from torch.nn import functional

from orienteer.comparison.measures.matching import Features
from orienteer.features.reading import AIR
from orienteer.labelled.cases import LabelledCase
from orienteer.store.store import Store

PATCH_EDGE, PATCH_STEP = 7, 2
"""The raw patch: voxels along an edge, and their distance in voxels."""

POINTS_AT_ONCE = 2000


def centred_coordinates(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
    """Returns places in mm from the centre of the scan."""
    from_centre_vox = points_vox - (np.array(case.shape_vox) - 1) / 2
    coordinates: Features = (from_centre_vox * np.array(case.grid.spacing_mm)).astype(np.float32)
    return coordinates


def raw_patches(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
    """Returns the intensities of a patch around each place minus their mean: their cosine is the correlation."""
    voxels = torch.from_numpy(store.read(case.key, (0, 0, 0), case.shape_vox))[None, None]
    reach = PATCH_EDGE // 2 * PATCH_STEP
    steps = np.arange(-reach, reach + 1, PATCH_STEP)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = []
    for start in range(0, len(points_vox), POINTS_AT_ONCE):
        around = points_vox[start : start + POINTS_AT_ONCE, None] + offsets
        faces = (2 * around + 1) / np.array(case.shape_vox) - 1
        grid = torch.from_numpy(faces[..., ::-1].astype(np.float32))[None, None]
        # Outside the scan is air: the zero padding of voxels that were raised so that air is zero.
        read = functional.grid_sample(voxels - AIR, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        rows.append(rearrange(read, "1 1 1 points offsets -> points offsets").numpy())
    patches: Features = np.concatenate(rows)
    patches -= patches.mean(1, keepdims=True)
    return patches
