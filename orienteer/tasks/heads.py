"""The small networks that more than one task puts on feature maps. Each task builds its own; no weights are shared."""

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
