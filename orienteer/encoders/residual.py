"""The residual encoder of nnU-Net (Isensee et al., 2024, arXiv 2404.09556), from dynamic-network-architectures."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.encoders.target import INSTALL_RESIDUAL, with_classes
from orienteer.errors import InputError
from orienteer.types import Triple


class ResidualEncoder(Encoder):
    """The part ``encoder`` of `ResidualEncoderUNet`, with nnU-Net's settings: instance normalisation, leaky ReLU.

    As in nnU-Net, residual branches are initialised to zero: at the first step their convolutions receive no gradient.

    Args:
        view_size: size of the views in voxels.
        features: channels of each level. The defaults are those of the plan ResEnc-M for large patches; for another
            plan copy ``features_per_stage``, ``n_blocks_per_stage``, ``kernel_sizes`` and ``strides`` from its file.
        blocks: residual blocks of each level.
        kernel_size: convolution kernel of each level: one number, or a list of one entry (a number or three) per level.
        strides: stride of each level relative to the one before: a number or three per level.
    """

    family = "residual"
    target = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
    target_outputs = "num_classes"
    min_cells = 2

    def __init__(
        self,
        view_size: Triple,
        features: Sequence[int] = (32, 64, 128, 256, 320, 320),
        blocks: Sequence[int] = (1, 3, 4, 6, 6, 6),
        kernel_size: int | Sequence[int | Sequence[int]] = 3,
        strides: Sequence[int | Sequence[int]] = (1, 2, 2, 2, 2, 2),
    ) -> None:
        super().__init__()
        steps = [as_triple(step) for step in strides]
        kernels = [kernel_size] * len(steps) if isinstance(kernel_size, int) else list(kernel_size)
        self.arguments = {
            "features": list(features),
            "blocks": list(blocks),
            "kernel_size": [list(as_triple(kernel)) for kernel in kernels],
            "strides": [list(step) for step in steps],
        }
        self.target_arguments = {
            "input_channels": 1,
            "num_classes": 2,
            "n_stages": len(features),
            "features_per_stage": list(features),
            "n_blocks_per_stage": list(blocks),
            "n_conv_per_stage_decoder": [1] * (len(features) - 1),
            "kernel_sizes": self.arguments["kernel_size"],
            "strides": self.arguments["strides"],
            "conv_op": "torch.nn.Conv3d",
            "conv_bias": True,
            "norm_op": "torch.nn.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        }
        self.view_size = view_size
        self.channels = tuple(features)
        self.strides = strides_so_far(steps)
        self.divisor = self.strides[-1]
        self.encoder = _library_encoder(self.target_arguments)

    def stages(self) -> list[nn.Sequential]:
        """Returns the stem with the first level, then the other levels."""
        first, *others = self.encoder.get_submodule("stages").children()
        return [nn.Sequential(self.encoder.get_submodule("stem"), first), *(nn.Sequential(stage) for stage in others)]


def _library_encoder(target_arguments: dict[str, Any]) -> nn.Module:
    """Returns the library's encoder, initialised as in nnU-Net, each of its modules under one name only."""
    try:
        from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
        from dynamic_network_architectures.building_blocks.residual_encoders import ResidualEncoder as LibraryEncoder
        from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
    except ImportError as error:
        raise InputError(
            "encoder 'residual'",
            wanted="the package dynamic-network-architectures",
            got=str(error),
            do=f"run: pip install {INSTALL_RESIDUAL}",
        ) from error
    decoder_only = ("num_classes", "n_conv_per_stage_decoder")
    arguments = {key: value for key, value in target_arguments.items() if key not in decoder_only}
    encoder: nn.Module = LibraryEncoder(**with_classes(arguments))
    encoder.apply(ResidualEncoderUNet.initialize)
    for module in encoder.modules():
        if isinstance(module, ConvDropoutNormReLU):
            # The library registers these twice and computes with ``all_modules``. Weights with one name each can be
            # saved as safetensors and loaded strictly.
            del module.conv, module.norm
    return encoder
