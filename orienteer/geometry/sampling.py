"""Reading feature maps between the centres of their cells."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from orienteer.types import Triple


def sample_maps(
    maps: Float[Tensor, "items channels cells0 cells1 cells2"],
    points_vox: Float[Tensor, "items points 3"],
    size_vox: Triple,
) -> Float[Tensor, "items points channels"]:
    """Returns the values of maps at points given in voxels, linearly interpolated between the centres of cells.

    Beyond the outermost cell centres the value is that of the nearest point between them.

    Args:
        maps: one feature map per item; its cells divide the view evenly.
        points_vox: continuous voxel positions in the view that the map was made from.
        size_vox: size of that view in voxels.

    Example:
        >>> ramp = torch.arange(4.0).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 4, 4)  # cells of 2 voxels
        >>> sample_maps(ramp, torch.tensor([[[0.5, 3.0, 3.0], [3.5, 3.0, 3.0]]]), (8, 8, 8)).flatten().tolist()
        [0.0, 1.5]
    """
    size = torch.tensor(size_vox, device=maps.device)
    # grid_sample calls the outer faces -1 and 1, and expects the last axis first.
    faces = ((2 * points_vox + 1) / size - 1).flip(-1)
    values = torch.nn.functional.grid_sample(
        maps,
        rearrange(faces, "items points axes -> items points 1 1 axes"),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return rearrange(values, "items channels points 1 1 -> items points channels")
