"""An encoder's weights under the names of nnU-Net's networks, layer by layer."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from orienteer.encoders.base import Encoder
from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.encoders.residual import ResidualEncoder
from orienteer.errors import InputError


def encoder_under_nnunet_names(encoder: Encoder) -> dict[str, Tensor]:
    """Returns the encoder's weights under one of nnU-Net's names for each, axes still the body's, without its decoder.

    Raises:
        InputError: nnU-Net has no such network.
    """
    naming = next((naming for kind, naming in _NAMINGS.items() if isinstance(encoder, kind)), None)
    if naming is None or dict(encoder.arguments).get("res_block"):
        raise InputError(
            "run",
            wanted="an encoder that nnU-Net has: 'residual', 'dynunet' or 'tiny' with plain blocks",
            got=f"'{encoder.family}' with {dict(encoder.arguments)}",
            do="train one of these, or use --to monai",
        )
    decoder = decoder_state(encoder)
    return naming({name: tensor.detach() for name, tensor in encoder.state_dict().items() if name not in decoder})


def decoder_state(encoder: Encoder) -> dict[str, Tensor]:
    """Returns the tensors of the encoder's decoder, by their names in the encoder; none where it is not pretrained."""
    memory = {tensor.data_ptr() for tensor in encoder.decoder().state_dict().values()}
    return {name: tensor for name, tensor in encoder.state_dict().items() if tensor.data_ptr() in memory}


def named_convolution(state: Mapping[str, Tensor], convolution: str, norm: str, target: str) -> dict[str, Tensor]:
    """Returns MONAI's convolution and norm under nnU-Net's names, with a bias of zero before the norm.

    Args:
        state: weights under MONAI's names.
        convolution: prefix of the convolution in ``state``.
        norm: prefix of the norm in ``state``.
        target: prefix of the layer in nnU-Net's network.
    """
    weight = state[f"{convolution}.weight"]
    return {
        f"{target}.all_modules.0.weight": weight,
        f"{target}.all_modules.0.bias": torch.zeros(weight.shape[0]),
        f"{target}.all_modules.1.weight": state[f"{norm}.weight"],
        f"{target}.all_modules.1.bias": state[f"{norm}.bias"],
    }


def _residual_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return dict(state)  # the encoder is the library's, under its own names


def _dynunet_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns MONAI's blocks as nnU-Net's stages: the same layers."""
    prefixes = sorted({name.split(".conv1.")[0] for name in state if ".conv1." in name}, key=_depth)
    named: dict[str, Tensor] = {}
    for stage, prefix in enumerate(prefixes):
        for layer in (1, 2):
            target = f"encoder.stages.{stage}.0.convs.{layer - 1}"
            named |= named_convolution(state, f"{prefix}.conv{layer}.conv", f"{prefix}.norm{layer}", target)
    return named


def _depth(prefix: str) -> int:
    part, _, number = prefix.partition(".")
    return {"input_block": 0, "downsamples": 1, "bottleneck": 1_000}[part] + int(number or 0)


_NAMINGS: dict[type[Encoder], Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] = {
    ResidualEncoder: _residual_names,
    DynUNetEncoder: _dynunet_names,
}
