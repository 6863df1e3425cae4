"""The small networks that several tasks apply to feature maps. Each task builds its own; no weights are shared."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.tasks.base import FeatureSpec
from orienteer.tensors import FeatureMap


@dataclass(frozen=True)
class VectorConfig:
    """Settings of a task that reads one vector per view."""

    channels: int = 64
    """Channels inside the head, and numbers in a view's vector."""


class Pointwise(nn.Conv3d):
    """A 1x1x1 convolution, computed as one product of matrices per item: on a CPU the convolution would copy its input first.

    Args:
        channels: of its input.
        width: of its output.

    Example:
        >>> layer, maps = Pointwise(4, 6), torch.randn(2, 4, 3, 3, 3)
        >>> torch.allclose(layer(maps), nn.functional.conv3d(maps, layer.weight, layer.bias), atol=1e-6)
        True
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, kernel_size=1)

    def forward(
        self, maps: Float[Tensor, "items channels cells0 cells1 cells2"]
    ) -> Float[Tensor, "items width cells0 cells1 cells2"]:
        """Returns the maps with other channels."""
        weights = self.weight.flatten(1).expand(len(maps), -1, -1)
        assert self.bias is not None
        mixed: Tensor = torch.bmm(weights, maps.flatten(2)) + self.bias[:, None]
        return mixed.reshape(*mixed.shape[:2], *maps.shape[2:])


class Gather(nn.Conv3d):
    """A 3x3x3 convolution with stride 2. A map of one or two cells per axis has one cell after it, which is one product.

    Args:
        width: channels of its input and output.

    Example:
        >>> layer, maps = Gather(4), torch.randn(2, 4, 2, 2, 1)
        >>> torch.allclose(layer(maps), nn.Conv3d.forward(layer, maps), atol=1e-6)
        True
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, width, kernel_size=3, stride=2, padding=1)

    def forward(
        self, maps: Float[Tensor, "items width cells0 cells1 cells2"]
    ) -> Float[Tensor, "items width halved0 halved1 halved2"]:
        """Returns maps of half as many cells, rounded up."""
        n0, n1, n2 = maps.shape[2:]
        if max(n0, n1, n2) > 2:
            return super().forward(maps)
        weights = self.weight[:, :, 1 : 1 + n0, 1 : 1 + n1, 1 : 1 + n2]  # of the kernel's cells that lie on the map
        gathered: Tensor = nn.functional.linear(maps.flatten(1), weights.flatten(1), self.bias)
        return gathered[:, :, None, None, None]


def pointwise(channels: int, width: int) -> nn.Sequential:
    """Returns a 1x1x1 convolution to ``width`` channels, normalised per view, for maps of any scale and size.

    The feature maps of encoders differ widely in scale; the normalisation removes this, also for a single cell.
    """
    return nn.Sequential(Pointwise(channels, width), nn.GroupNorm(1, width), nn.GELU())


def position_read_out(channels: int) -> nn.Linear:
    """Returns a linear layer from a vector to a position, without bias, whose first predictions are near zero."""
    layer = nn.Linear(channels, 3, bias=False)
    nn.init.normal_(layer.weight, std=0.1 / channels**0.5)
    return layer


def per_view(network: Callable[[Tensor], Tensor], maps: FeatureMap) -> Float[Tensor, "batch views ..."]:
    """Returns what a network computes from each view's map, all views of the batch in one call.

    Args:
        network: takes ``(items, channels, cells0, cells1, cells2)``; items are the views of all sets.
        maps: one feature map per view.

    Example:
        >>> per_view(nn.Conv3d(4, 8, kernel_size=1), torch.zeros(2, 3, 4, 6, 6, 6)).shape
        torch.Size([2, 3, 8, 6, 6, 6])
    """
    results: Tensor = network(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
    return results


class ViewVector(nn.Module):
    """Computes one vector ``z`` per view from its coarsest feature map.

    A 1x1x1 convolution first reduces the channels, so that the strided convolution after it stays small compared with any
    encoder; global average pooling follows. Works on maps down to one cell per axis.

    Args:
        spec: the level of feature maps that is its input.
        width: channels inside, and numbers in ``z``.

    Example:
        >>> head = ViewVector(FeatureSpec(channels=128, stride=(8, 8, 8)), width=64)
        >>> head(torch.zeros(2, 3, 128, 6, 6, 6)).shape
        torch.Size([2, 3, 64])
    """

    def __init__(self, spec: FeatureSpec, width: int) -> None:
        super().__init__()
        self.reduce = pointwise(spec.channels, width)
        self.gather = nn.Sequential(Gather(width), nn.GroupNorm(1, width), nn.GELU())
        self.mix = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU())

    def forward(self, maps: FeatureMap) -> Float[Tensor, "batch views width"]:
        """Returns ``z`` of every view."""
        pooled = per_view(lambda flat: self.gather(self.reduce(flat)).mean(dim=(2, 3, 4)), maps)
        z: Tensor = self.mix(pooled)
        return z


class Pyramid(nn.Module):
    """Combines all levels in one map: coarse maps are upsampled and added to finer ones, as in a feature pyramid network.

    It is small on purpose, so that what a task learns ends up in the encoder, whose weights are the result. (Lin et al.,
    *Feature Pyramid Networks for Object Detection*, CVPR 2017.)

    Args:
        specs: all levels, finest first.
        width: channels inside and of the map.
        level: number of the level whose cells the map has. Finer levels are not used.

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
        batch, views = levels[0].shape[:2]
        flat = [maps.flatten(0, 1) for maps in levels[self.level :]]
        x = self.lateral[-1](flat[-1])
        for maps, lateral in zip(reversed(flat[:-1]), reversed(self.lateral[:-1]), strict=True):
            x = lateral(maps) + nn.functional.interpolate(x, size=maps.shape[2:], mode="trilinear")
        combined: Tensor = self.smooth(x).unflatten(0, (batch, views))
        return combined


def linear_float32(z: Float[Tensor, "*items width"], layer: nn.Linear) -> Float[Tensor, "*items out"]:
    """Returns ``layer(z)`` in float32, also under autocast: positions need more than half precision."""
    with full_precision(z.device):
        bias = None if layer.bias is None else layer.bias.float()
        return nn.functional.linear(z.float(), layer.weight.float(), bias)


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Returns a context in which autocast is off, so that float32 stays float32."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
