"""Swin UNETR's transformer (Hatamizadeh et al., 2022, arXiv 2201.01266) as MONAI builds it."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.types import Triple


class SwinUNETREncoder(Encoder):
    """The part ``swinViT`` of `monai.networks.nets.SwinUNETR`; the convolutions between it and the decoder are not pretrained.

    Each level is normalised over its channels, as the decoder of the network receives it.

    Args:
        view_size: size of the views in voxels.
        feature_size: channels of the first level, a multiple of 12; MONAI's default. Many publications use 48.
        depths: attention blocks of each of the four stages.
        num_heads: attention heads of each stage.
        window_size: edge of an attention window in cells. It determines shapes of weights: use that of the network
            that they are for.
        use_v2: a residual convolution before each stage (SwinUNETR-V2).
    """

    family = "swinunetr"
    target = "monai.networks.nets.SwinUNETR"

    def __init__(
        self,
        view_size: Triple,
        feature_size: int = 24,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        use_v2: bool = False,
    ) -> None:
        super().__init__()
        from monai.networks.nets import SwinUNETR  # imported here: it takes seconds, and most commands do not need it

        if not len(depths) == len(num_heads) == 4:
            raise ValueError(f"depths and num_heads have one entry for each of four stages, not {depths}, {num_heads}")
        self.arguments = {
            "feature_size": feature_size,
            "depths": list(depths),
            "num_heads": list(num_heads),
            "window_size": window_size,
            "use_v2": use_v2,
        }
        self.target_arguments = {"in_channels": 1, "out_channels": 2, **self.arguments}
        self.view_size = view_size
        self.channels = tuple(feature_size * 2**level for level in range(5))
        self.strides = strides_so_far([as_triple(2)] * 5)
        self.divisor = self.strides[-1]
        self.swinViT = SwinUNETR(**self.target_arguments).swinViT

    def stages(self) -> list[nn.Sequential]:
        """Returns the patch embedding, then the four stages, each of which ends by merging patches."""
        swin = self.swinViT
        stages = [nn.Sequential(swin.patch_embed, swin.pos_drop)]
        for number in range(1, 5):
            before = swin.get_submodule(f"layers{number}c").children() if self.arguments["use_v2"] else ()
            stages.append(nn.Sequential(*before, *swin.get_submodule(f"layers{number}").children()))
        return stages

    def level(self, x: Float[Tensor, "items channels cells0 cells1 cells2"]) -> Tensor:
        """Returns the stage's output with each cell normalised over its channels."""
        normalised: Tensor = self.swinViT.proj_out(x, normalize=True)
        return normalised
