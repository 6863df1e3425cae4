"""The encoder of anatomix's U-Net, optionally with its decoder, to start from its published weights."""

from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from orienteer.encoders.anatomix_unet import (
    Interpolation,
    Norm,
    Pooling,
    decoded,
    decoder_parts,
    decoder_stages,
    encoder_parts,
    encoder_stages,
    level_channels,
)
from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
from orienteer.settings import require
from orienteer.types import Triple


class AnatomixEncoder(Encoder):
    """The encoder path of the U-Net of `orienteer.encoders.anatomix_unet`: two convolutions per level, then a pooling.

    Args:
        view_size: size of the views in voxels.
        filters: channels of the first level; each level doubles them.
        levels: of resolution.
        norm: ``instance``, or ``batch`` with the statistics of the weights that are loaded; new weights have none.
        pooling: ``avg`` or ``max``.
        interpolation: of the decoder, ``trilinear`` or ``nearest``.
        norm_eps: what the norms add to a variance.
        decoder: pretrain the decoder path too. All levels but the coarsest are then those of the decoder.
    """

    family = "anatomix"
    target = "orienteer.encoders.anatomix_unet.AnatomixUNet"

    def __init__(
        self,
        view_size: Triple,
        filters: int = 16,
        levels: int = 5,
        norm: Norm = "instance",
        pooling: Pooling = "avg",
        interpolation: Interpolation = "trilinear",
        norm_eps: float = 1e-2,
        decoder: bool = False,
    ) -> None:
        super().__init__()
        network: dict[str, Any] = {"filters": filters, "levels": levels, "norm": norm, "pooling": pooling}
        network |= {"interpolation": interpolation, "norm_eps": norm_eps}
        self.arguments = {**network, "decoder": decoder}
        self.target_arguments = {"in_channels": 1, "out_channels": 2, **network}
        parts = [*encoder_parts(1, filters, levels, norm, pooling, norm_eps)]
        parts += decoder_parts(filters, levels, norm, interpolation, norm_eps) if decoder else []
        self.model = nn.Sequential(*parts)
        self.view_size = view_size
        self.channels = level_channels(filters, levels)
        self.strides = strides_so_far([as_triple(1 if level == 0 else 2) for level in range(levels)])
        self.divisor = self.strides[-1]

    def stages(self) -> list[nn.Sequential]:
        """Returns the part of the sequence of each level, recomputed as a whole."""
        return [nn.Sequential(stage) for stage in encoder_stages(self.model, len(self.channels))]

    def decoder(self) -> nn.ModuleList:
        """Returns the levels of the decoder, if they are pretrained."""
        return nn.ModuleList(decoder_stages(self.model, len(self.channels)))

    def decode(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Returns the decoder's levels, finest first, and the coarsest; without a decoder the levels unchanged."""
        recompute = self.grad_checkpointing and self.training
        out = [levels[-1]]
        blocks = decoder_stages(self.model, len(self.channels))
        for block, skip in zip(blocks, reversed(levels[:-1]), strict=False):
            with exact_where_bf16_fails(block, out[0], int(skip.shape[2])) as x:
                skip = skip.to(x.dtype)
                args = (decoded, block, x, skip)
                out.insert(0, checkpoint(*args, use_reentrant=False) if recompute else decoded(block, x, skip))
        return tuple(out) if len(out) > 1 else levels

    def check_size(self, size_vox: Triple) -> None:
        """Raises an InputError with the nearest size that fits; the last level needs two cells along each axis to reflect."""
        least = [max(2, round(size / div)) * div for size, div in zip(size_vox, self.divisor, strict=True)]
        wanted = f"multiples of {self.divisor} for encoder '{self.family}', twice that or more"
        require(list(size_vox) == least, "view_size", wanted, tuple(size_vox), f"use {tuple(least)}")
