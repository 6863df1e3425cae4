"""The small networks that more than one task puts on feature maps. Each task builds its own; no weights are shared."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.tasks.base import FeatureSpec
from orienteer.types import FeatureMap


def pointwise(channels: int, width: int) -> nn.Sequential:
    """Returns a 1x1x1 convolution to ``width`` channels, normalised per view, for maps of any scale and size.

    Encoders leave their last maps at very different scales; the normalisation takes that out, also at a single cell.
    """
    return nn.Sequential(nn.Conv3d(channels, width, kernel_size=1), nn.GroupNorm(1, width), nn.GELU())


class ViewVector(nn.Module):
    """Makes one vector ``z`` of each view from its coarsest feature map.

    A 1x1x1 convolution first brings the channels down, so that the strided convolution after it stays small beside any
    encoder; then global average pooling. Works on maps down to one cell per axis.

    Args:
        spec: the level of feature maps that it reads.
        width: channels inside, and numbers in ``z``.

    Example:
        >>> head = ViewVector(FeatureSpec(channels=128, stride=(8, 8, 8)), width=64)
        >>> head(torch.zeros(2, 3, 128, 6, 6, 6)).shape
        torch.Size([2, 3, 64])
    """

    def __init__(self, spec: FeatureSpec, width: int) -> None:
        super().__init__()
        self.reduce = pointwise(spec.channels, width)
        self.gather = nn.Sequential(
            nn.Conv3d(width, width, kernel_size=3, stride=2, padding=1), nn.GroupNorm(1, width), nn.GELU()
        )
        self.mix = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU())

    def forward(self, maps: FeatureMap) -> Float[Tensor, "batch views width"]:
        """Returns ``z`` of every view."""
        batch = maps.shape[0]
        cells = self.gather(self.reduce(rearrange(maps, "b v c x y z -> (b v) c x y z")))
        return self.mix(rearrange(cells.mean(dim=(2, 3, 4)), "(b v) c -> b v c", b=batch))


class Pyramid(nn.Module):
    """Makes one map of all levels: coarse ones are enlarged and added to finer ones, as in a feature pyramid network.

    It is small on purpose: what a task learns is to end up in the encoder, which is what is handed over. (Lin et al.,
    *Feature Pyramid Networks for Object Detection*, CVPR 2017.)

    Args:
        specs: all levels, finest first.
        width: channels inside and of the map.
        level: number of the level whose cells the map has. Finer levels are not looked at.

    Example:
        >>> head = Pyramid([FeatureSpec(8, (2, 2, 2)), FeatureSpec(16, (4, 4, 4))], width=12)
        >>> head((torch.zeros(2, 3, 8, 16, 16, 16), torch.zeros(2, 3, 16, 8, 8, 8))).shape
        torch.Size([2, 3, 12, 16, 16, 16])
    """

    def __init__(self, specs: Sequence[FeatureSpec], width: int, level: int = 0) -> None:
        super().__init__()
        self.level = level
        self.lateral = nn.ModuleList(pointwise(spec.channels, width) for spec in specs[level:])
        self.smooth = nn.Sequential(
            nn.Conv3d(width, width, kernel_size=3, padding=1), nn.GroupNorm(1, width), nn.GELU()
        )

    # The underscores keep each level's own sizes.
    def forward(
        self, levels: Sequence[Float[Tensor, "batch views _channels _cells0 _cells1 _cells2"]]
    ) -> Float[Tensor, "batch views width _x _y _z"]:
        """Returns the map, ``(batch, views, width, cells0, cells1, cells2)``."""
        batch = levels[0].shape[0]
        flat = [rearrange(maps, "b v c x y z -> (b v) c x y z") for maps in levels[self.level :]]
        x = self.lateral[-1](flat[-1])
        for maps, lateral in zip(reversed(flat[:-1]), reversed(self.lateral[:-1]), strict=True):
            x = lateral(maps) + nn.functional.interpolate(x, size=maps.shape[2:], mode="trilinear")
        return rearrange(self.smooth(x), "(b v) c x y z -> b v c x y z", b=batch)


def linear_float32(z: Float[Tensor, "*items width"], layer: nn.Linear) -> Float[Tensor, "*items out"]:
    """Returns ``layer(z)`` in float32, also under autocast: half precision would spoil the positions that come out."""
    with full_precision(z.device):
        bias = None if layer.bias is None else layer.bias.float()
        return nn.functional.linear(z.float(), layer.weight.float(), bias)


def full_precision(device: torch.device) -> AbstractContextManager:
    """Returns a context in which autocast leaves float32 alone."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
