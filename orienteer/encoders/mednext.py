"""The encoder of MedNeXt (Roy et al., 2023, arXiv 2303.09975) in its four published sizes, as MONAI builds it."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.types import Triple

SIZES: dict[str, dict[str, Any]] = {
    "s": {"expansion": (2, 2, 2, 2, 2), "blocks": (2, 2, 2, 2, 2)},
    "b": {"expansion": (2, 3, 4, 4, 4), "blocks": (2, 2, 2, 2, 2)},
    "m": {"expansion": (2, 3, 4, 4, 4), "blocks": (3, 4, 4, 4, 4)},
    "l": {"expansion": (3, 4, 8, 8, 8), "blocks": (3, 4, 8, 8, 8)},
}
"""Expansion ratio and number of blocks of each level, the bottleneck last (table 2 of the paper)."""


class MedNeXtEncoder(Encoder):
    """The encoder path of `monai.networks.nets.MedNeXt`: depthwise convolutions with inverted bottlenecks.

    Args:
        size: ``s``, ``b``, ``m`` or ``l``.
        view_size: size of the views in voxels.
        init_filters: channels of the first level; each level doubles them. All published sizes have 32.
        kernel_size: 3 or 5 in the paper, where networks with 5 start from weights trained with 3.
    """

    target = "monai.networks.nets.MedNeXt"
    min_cells = 2

    def __init__(self, size: str, view_size: Triple, init_filters: int = 32, kernel_size: int = 3) -> None:
        super().__init__()
        from monai.networks.nets import MedNeXt  # imported here: it takes seconds, and most commands do not need it

        self.family = f"mednext-{size}"
        self.arguments = {"init_filters": init_filters, "kernel_size": kernel_size}
        self.target_arguments = {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 2,
            **self.arguments,
            **_depths(SIZES[size]["expansion"], SIZES[size]["blocks"]),
            "use_residual_connection": True,
        }
        levels = len(SIZES[size]["blocks"])
        self.view_size = view_size
        self.channels = tuple(init_filters * 2**level for level in range(levels))
        self.strides = strides_so_far([as_triple(1 if level == 0 else 2) for level in range(levels)])
        self.divisor = self.strides[-1]
        network = MedNeXt(**self.target_arguments)
        self.stem = network.stem
        self.enc_stages = network.enc_stages
        self.down_blocks = network.down_blocks
        self.bottleneck = network.bottleneck

    def stages(self) -> list[nn.Sequential]:
        """Returns the stem with the first level, then each downsampling block with the level below it."""
        below = (*list(self.enc_stages)[1:], self.bottleneck)
        pairs = zip(self.down_blocks, below, strict=True)
        return [nn.Sequential(self.stem, self.enc_stages[0]), *(nn.Sequential(down, level) for down, level in pairs)]


def _depths(expansion: Sequence[int], blocks: Sequence[int]) -> dict[str, Any]:
    """Returns MONAI's arguments for one size; the decoder mirrors the encoder."""
    return {
        "encoder_expansion_ratio": list(expansion[:-1]),
        "bottleneck_expansion_ratio": expansion[-1],
        "decoder_expansion_ratio": list(expansion[:-1])[::-1],
        "blocks_down": list(blocks[:-1]),
        "blocks_bottleneck": blocks[-1],
        "blocks_up": list(blocks[:-1])[::-1],
    }
