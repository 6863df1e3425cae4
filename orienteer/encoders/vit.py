"""A plain vision transformer (Dosovitskiy et al., 2020, arXiv 2010.11929) as MONAI builds it for UNETR."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders.base import Encoder, as_triple
from orienteer.settings import require
from orienteer.types import Triple

UNETR_PATCH, UNETR_LAYERS = 16, 12
"""Patch size and number of layers of `monai.networks.nets.UNETR`, which are fixed."""


class ViTEncoder(Encoder):
    """`monai.networks.nets.ViT` whose tokens are rearranged to the grid of patches: one level.

    Its position embedding is for one view size. With patches of 16 voxels and 12 layers the weights are those of
    the part ``vit`` of MONAI's UNETR at that image size; otherwise those of the ViT alone.

    Args:
        view_size: size of the views in voxels.
        patch_size: edge of a patch in voxels.
        hidden_size: channels. The default is that of the usual "small" ViT.
        mlp_dim: channels inside a block's two-layer network.
        num_layers: number of blocks.
        num_heads: attention heads, a divisor of `hidden_size`.
    """

    family = "vit"

    def __init__(
        self,
        view_size: Triple,
        patch_size: int = 16,
        hidden_size: int = 384,
        mlp_dim: int = 1536,
        num_layers: int = 12,
        num_heads: int = 6,
    ) -> None:
        super().__init__()
        from monai.networks.nets import ViT  # imported here: it takes seconds, and most commands do not need it

        self.arguments = {
            "patch_size": patch_size,
            "hidden_size": hidden_size,
            "mlp_dim": mlp_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
        }
        self.view_size = view_size
        self.channels = (hidden_size,)
        self.strides = (as_triple(patch_size),)
        self.divisor = self.strides[-1]
        super().check_size(view_size)  # before anything is built from it
        target_arguments = {"in_channels": 1, "img_size": list(view_size), **self.arguments}
        network = ViT(**target_arguments)
        self.patch_embedding = network.patch_embedding
        self.blocks = network.blocks
        self.norm = network.norm
        for block in self.blocks:
            # The library creates it for cross-attention, which is off. Distributed training rejects parameters that
            # never receive a gradient; the names must stay, for strict loading.
            block.norm_cross_attn.requires_grad_(False)
        self.into_unetr = patch_size == UNETR_PATCH and num_layers == UNETR_LAYERS
        self.target = "monai.networks.nets.UNETR" if self.into_unetr else "monai.networks.nets.ViT"
        if self.into_unetr:
            target_arguments = {
                key: value for key, value in target_arguments.items() if key not in ("patch_size", "num_layers")
            }
            target_arguments["out_channels"] = 2
        self.target_arguments = target_arguments

    def stages(self) -> list[nn.Sequential]:
        """Returns one stage: patch embedding, all blocks, the last normalisation, and the rearrangement to a grid."""
        cells0, cells1, cells2 = (size // div for size, div in zip(self.view_size, self.divisor, strict=True))
        return [nn.Sequential(self.patch_embedding, *self.blocks, self.norm, _ToGrid((cells0, cells1, cells2)))]

    def check_size(self, size_vox: Triple) -> None:
        """Raises an InputError for any size but that of the position embedding."""
        super().check_size(size_vox)
        built, given = tuple(self.view_size), tuple(size_vox)
        wanted = f"{built}, for which this '{self.family}' has position embeddings"
        require(built == given, "view_size", wanted, given, f"use {built}, or build the encoder for {given}")

    def transferable(self) -> dict[str, Tensor]:
        """Returns all weights, under ``vit.`` where the target is UNETR."""
        prefix = "vit." if self.into_unetr else ""
        return {prefix + name: tensor for name, tensor in super().transferable().items()}


class _ToGrid(nn.Module):
    """Rearranges tokens to the grid of their patches."""

    def __init__(self, cells: Triple) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, tokens: Float[Tensor, "items tokens channels"]) -> Tensor:
        d, h, w = self.cells
        return rearrange(tokens, "items (d h w) channels -> items channels d h w", d=d, h=h, w=w)
