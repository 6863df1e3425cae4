"""An encoder whose features are the voxels themselves."""

import torch
from torch import Tensor

from orienteer.encoders.base import Encoder


class VoxelEncoder(Encoder):
    """Gives each voxel times a factor, as a direction; a factor of 0 gives the same features everywhere."""

    view_size = (16, 16, 16)
    channels, strides = (2,), ((1, 1, 1),)

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        angle = self.factor * images  # nearest neighbours are compared by direction
        return (torch.cat([angle.cos(), angle.sin()], dim=1),)
