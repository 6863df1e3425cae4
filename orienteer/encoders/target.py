"""The networks that users load pretrained weights into, built from what an encoder says of its target."""

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from orienteer.errors import InputError

TARGETS = (
    "monai.networks.nets.DynUNet",
    "monai.networks.nets.MedNeXt",
    "monai.networks.nets.SegResNet",
    "monai.networks.nets.SwinUNETR",
    "monai.networks.nets.UNETR",
    "monai.networks.nets.ViT",
    "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
)
"""The classes that may be built. A weights file names its target, and the modules around these classes hold functions
that download files and unpickle them, as some other networks do when they are built: hence single names, no prefixes."""


def build_target(target: str, arguments: Mapping[str, Any], **changes: Any) -> nn.Module:
    """Returns the target network with new weights.

    Args:
        target: `Encoder.target`, one of ``TARGETS``.
        arguments: `Encoder.target_arguments`. Torch's classes are written as ``"torch.nn.Conv3d"``.
        **changes: arguments to replace, such as the number of classes under the name `Encoder.target_outputs`.

    Raises:
        InputError: the class is none of these, refuses the arguments, or its library is not installed.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> encoder = build_encoder("tiny", (32, 32, 32), filters=(4, 4, 4))
        >>> network = build_target(encoder.target, encoder.target_arguments, **{encoder.target_outputs: 5})
        >>> network.load_state_dict(encoder.transferable(), strict=False).unexpected_keys
        []
    """
    if target not in TARGETS:
        raise InputError(
            "target",
            wanted=f"one of {', '.join(TARGETS)}",
            got=str(target),
            do="check where the weights file comes from; a network of your own goes into TARGETS",
        )
    module, _, name = target.rpartition(".")
    try:
        builder = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            "target",
            wanted=f"an installed library with {target}",
            got=str(error),
            do=f"run: pip install {'monai' if target.startswith('monai.') else INSTALL_RESIDUAL}",
        ) from error
    try:
        return builder(**with_classes({**arguments, **changes}))
    except (TypeError, ValueError) as error:
        raise InputError(
            "target_arguments", wanted=f"those of {target}", got=str(error), do="copy the weights and their JSON again"
        ) from error


INSTALL_RESIDUAL = (
    "'orienteer[nnunet]' (or, where torchvision cannot be had: pip install --no-deps dynamic-network-architectures)"
)
"""How to get nnU-Net's networks, which need neither torchvision nor timm for what is used here."""


def with_classes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments with the names of torch's classes replaced by the classes themselves.

    Example:
        >>> with_classes({"conv_op": "torch.nn.Conv3d", "n_stages": 6})
        {'conv_op': <class 'torch.nn.modules.conv.Conv3d'>, 'n_stages': 6}
    """
    prefix = "torch.nn."
    return {
        key: getattr(nn, value.removeprefix(prefix)) if isinstance(value, str) and value.startswith(prefix) else value
        for key, value in arguments.items()
    }
