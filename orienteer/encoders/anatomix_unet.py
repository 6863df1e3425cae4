"""The U-Net of anatomix (Dey et al., 2025, arXiv 2411.02372), whose weights no library has a class for.

Its modules are numbered in one sequence, ``model.0``, ``model.1`` and so on, as in https://github.com/neel-dey/anatomix, so
that published weights need no renaming. It departs in two points: batch norms keep the statistics of their weights, so that
views do not see each other, and the last convolution is one of 1 x 1 x 1 voxels to as many outputs as are wanted.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orienteer.settings import require

Norm = Literal["batch", "instance"]
Pooling = Literal["max", "avg"]
Interpolation = Literal["nearest", "trilinear"]


class AnatomixUNet(nn.Module):
    """The whole network.

    Args:
        in_channels: of the images.
        out_channels: outputs per voxel.
        filters: channels of the first level; each level but the second doubles them.
        levels: of resolution; each after the first halves it.
        norm: ``batch`` as the weights of 2025 have it, or ``instance``, without weights, as the later ones.
        pooling: between levels.
        interpolation: of the decoder.
        norm_eps: what the norms add to a variance.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 2,
        filters: int = 16,
        levels: int = 5,
        norm: Norm = "instance",
        pooling: Pooling = "avg",
        interpolation: Interpolation = "trilinear",
        norm_eps: float = 1e-2,
    ) -> None:
        super().__init__()
        self.levels = levels
        parts = [*encoder_parts(in_channels, filters, levels, norm, pooling, norm_eps)]
        parts += decoder_parts(filters, levels, norm, interpolation, norm_eps)
        self.model = nn.Sequential(*parts)
        self.out = nn.Conv3d(filters, out_channels, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the outputs of every voxel, ``(items, out_channels, size0, size1, size2)``."""
        levels = []
        x = images
        for stage in encoder_stages(self.model, self.levels):
            x = stage(x)
            levels.append(x)
        for block, skip in zip(decoder_stages(self.model, self.levels), reversed(levels[:-1]), strict=True):
            x = decoded(block, x, skip)
        out: Tensor = self.out(x)
        return out


class FixedBatchNorm(nn.BatchNorm3d):
    """A batch norm that uses the statistics among its weights in training too."""

    def forward(self, input: Tensor) -> Tensor:
        """Returns the input, scaled and shifted channel by channel."""
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def level_channels(filters: int, levels: int) -> tuple[int, ...]:
    """Returns the channels of each level, finest first.

    Example:
        >>> level_channels(16, 5)
        (16, 32, 64, 128, 256)
    """
    return tuple(filters * 2**level for level in range(levels))


def encoder_parts(
    in_channels: int, filters: int, levels: int, norm: Norm, pooling: Pooling, norm_eps: float
) -> Iterator[nn.Module]:
    """Yields the modules of the encoder in the order of their numbers."""
    require(levels >= 2, "levels", "2 or more", levels)
    require(norm in get_args(Norm), "norm", f"one of {', '.join(get_args(Norm))}", norm)
    require(pooling in get_args(Pooling), "pooling", f"one of {', '.join(get_args(Pooling))}", pooling)
    yield from _convolution(in_channels, filters, norm, norm_eps)
    before = filters
    for level, channels in enumerate(level_channels(filters, levels)):
        if level > 0:
            yield nn.MaxPool3d(2) if pooling == "max" else nn.AvgPool3d(2)
        yield from _convolution(before, channels, norm, norm_eps)
        yield from _convolution(channels, channels, norm, norm_eps)
        before = channels


def decoder_parts(
    filters: int, levels: int, norm: Norm, interpolation: Interpolation, norm_eps: float
) -> Iterator[nn.Module]:
    """Yields the modules of the decoder, coarsest level first, in the order of their numbers after the encoder's."""
    require(interpolation in get_args(Interpolation), "interpolation", "nearest or trilinear", interpolation)
    channels = level_channels(filters, levels)
    for fine, coarse in zip(reversed(channels[:-1]), reversed(channels[1:]), strict=True):
        yield nn.Upsample(scale_factor=2, mode=interpolation)
        yield from _convolution(fine + coarse, fine, norm, norm_eps)
        yield from _convolution(fine, fine, norm, norm_eps)


CONVOLUTION = 3
"""Modules of a convolution with its norm and its ReLU."""

STAGE = 2 * CONVOLUTION + 1
"""Modules of a level after the first: a pooling or an upsampling, and two convolutions."""


def encoder_stages(model: nn.Sequential, levels: int) -> list[nn.Sequential]:
    """Returns the part of the sequence of each level: the first has one convolution more and no pooling."""
    first = 3 * CONVOLUTION
    return [
        _part(model, 0, first),
        *(_part(model, first + n * STAGE, first + (n + 1) * STAGE) for n in range(levels - 1)),
    ]


def decoder_stages(model: nn.Sequential, levels: int) -> list[nn.Sequential]:
    """Returns the part of the sequence of each level of the decoder, coarsest first; none where there is no decoder."""
    begin = 3 * CONVOLUTION + (levels - 1) * STAGE
    return [_part(model, start, start + STAGE) for start in range(begin, len(model), STAGE)]


def decoded(block: nn.Sequential, x: Tensor, skip: Tensor) -> Tensor:
    """Returns the output of a level of the decoder: the coarser level enlarged, beside that of the encoder."""
    enlarged: Tensor = block[0](x)
    both: Tensor = block[1:](torch.cat((skip, enlarged), dim=1))
    return both


def _part(model: nn.Sequential, first: int, end: int) -> nn.Sequential:
    return nn.Sequential(*list(model)[first:end])


def _convolution(before: int, after: int, norm: Norm, norm_eps: float) -> Iterator[nn.Module]:
    yield nn.Conv3d(before, after, 3, bias=norm == "instance", padding="same", padding_mode="reflect")
    yield FixedBatchNorm(after, eps=norm_eps) if norm == "batch" else nn.InstanceNorm3d(after, eps=norm_eps)
    yield nn.ReLU(inplace=True)
