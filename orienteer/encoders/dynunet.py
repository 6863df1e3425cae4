"""The encoder of DynUNet, optionally with its decoder: MONAI's form of nnU-Net's plain convolutional network."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
from orienteer.settings import require
from orienteer.types import Triple


class DynUNetEncoder(Encoder):
    """The encoder path of `monai.networks.nets.DynUNet`: two convolutions per level, instance normalisation.

    Args:
        view_size: size of the views in voxels.
        filters: channels of each level. The default is nnU-Net's plan for patches of 64 voxels.
        kernel_size: convolution kernel of each level: one number, or a list of one entry (a number or three) per level.
        strides: stride of each level relative to the one before: a number or three per level.
        res_block: residual blocks instead of plain ones.
        decoder: pretrain the decoder path too. All levels but the coarsest are then those of the decoder.
    """

    family = "dynunet"
    target = "monai.networks.nets.DynUNet"
    min_cells = 2

    def __init__(
        self,
        view_size: Triple,
        filters: Sequence[int] = (32, 64, 128, 256, 320),
        kernel_size: int | Sequence[int | Sequence[int]] = 3,
        strides: Sequence[int | Sequence[int]] = (1, 2, 2, 2, 2),
        res_block: bool = False,
        decoder: bool = False,
    ) -> None:
        super().__init__()
        from monai.networks.nets import DynUNet  # imported here: it takes seconds, and most commands do not need it

        steps = [as_triple(step) for step in strides]
        kernels = [kernel_size] * len(steps) if isinstance(kernel_size, int) else list(kernel_size)
        wanted = "as many filters and kernel sizes as strides, three or more"
        got = f"{len(filters)} filters, {len(kernels)} kernel sizes, {len(steps)} strides"
        matching = len(filters) == len(kernels) == len(steps) >= 3
        require(matching, f"encoder '{self.family}'", wanted, got, "give one of each per level")
        self.target_arguments = {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 2,
            "kernel_size": [list(as_triple(kernel)) for kernel in kernels],
            "strides": [list(step) for step in steps],
            "upsample_kernel_size": [list(step) for step in steps[1:]],
            "filters": list(filters),
            "res_block": res_block,
        }
        self.arguments = {
            "filters": list(filters),
            "kernel_size": self.target_arguments["kernel_size"],
            "strides": self.target_arguments["strides"],
            "res_block": res_block,
            "decoder": decoder,
        }
        self.view_size = view_size
        self.channels = tuple(filters)
        self.strides = strides_so_far(steps)
        self.divisor = self.strides[-1]
        network = DynUNet(**self.target_arguments)
        self.input_block = network.input_block
        self.downsamples = network.downsamples
        self.bottleneck = network.bottleneck
        if decoder:
            self.upsamples = network.upsamples

    def stages(self) -> list[nn.Sequential]:
        """Returns the input block, the downsampling blocks and the bottleneck."""
        return [nn.Sequential(block) for block in (self.input_block, *self.downsamples, self.bottleneck)]

    def decoder(self) -> nn.ModuleList:
        """Returns the upsampling blocks, if they are pretrained."""
        return self.upsamples if self.arguments["decoder"] else nn.ModuleList()

    def decode(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Returns the decoder's levels, finest first, and the bottleneck; without a decoder the levels unchanged."""
        recompute = self.grad_checkpointing and self.training
        decoded = [levels[-1]]
        for block, skip in zip(self.decoder(), reversed(levels[:-1]), strict=False):
            with exact_where_bf16_fails(block, decoded[0], int(skip.shape[2])) as x:
                skip = skip.to(x.dtype)
                decoded.insert(0, checkpoint(block, x, skip, use_reentrant=False) if recompute else block(x, skip))
        return tuple(decoded) if len(decoded) > 1 else levels
