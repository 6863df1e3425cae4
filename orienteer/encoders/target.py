"""The networks that users load pretrained weights into, built from an encoder's description of its target."""

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from orienteer.errors import InputError
from orienteer.settings import require

TARGETS = (
    "monai.networks.nets.DynUNet",
    "monai.networks.nets.MedNeXt",
    "monai.networks.nets.SegResNet",
    "monai.networks.nets.SwinUNETR",
    "monai.networks.nets.UNETR",
    "monai.networks.nets.ViT",
    "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
    "orienteer.encoders.anatomix_unet.AnatomixUNet",
)
"""The classes that may be built. A weights file names its target, and the modules of these classes contain functions that
download and unpickle files, as some other networks do when they are built: hence full names, not prefixes."""


BUILDING = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What libraries raise for arguments that they do not accept."""


def build_target(target: str, arguments: Mapping[str, Any], **changes: object) -> nn.Module:
    """Returns the target network with new weights.

    Args:
        target: `Encoder.target`, one of ``TARGETS``.
        arguments: `Encoder.target_arguments`. Torch's classes are written as ``"torch.nn.Conv3d"``.
        **changes: arguments to replace, such as the number of classes under the name `Encoder.target_outputs`.

    Raises:
        InputError: another class, arguments that it does not accept, or a library that is not installed.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> encoder = build_encoder("tiny", (32, 32, 32), filters=(4, 4, 4))
        >>> network = build_target(encoder.target, encoder.target_arguments, **{encoder.target_outputs: 5})
        >>> network.load_state_dict(encoder.transferable(), strict=False).unexpected_keys
        []
    """
    do = "check where the weights file comes from; add a network of your own to TARGETS"
    require(target in TARGETS, "target", f"one of {', '.join(TARGETS)}", target, do)
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
        network: nn.Module = builder(**with_classes({**arguments, **changes}))
    except InputError:
        raise
    except BUILDING as error:
        got = f"{type(error).__name__}: {error}"
        raise InputError(
            "target_arguments", wanted=f"those of {target}", got=got, do="copy the weights and their JSON again"
        ) from error
    return network


INSTALL_RESIDUAL = (
    "'orienteer[nnunet]' (or, if torchvision is not available: pip install --no-deps dynamic-network-architectures)"
)
"""How to install nnU-Net's networks; the parts used here need neither torchvision nor timm."""


def with_classes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments with the names of torch's classes replaced by the classes.

    Example:
        >>> with_classes({"conv_op": "torch.nn.Conv3d", "n_stages": 6})
        {'conv_op': <class 'torch.nn.modules.conv.Conv3d'>, 'n_stages': 6}
    """
    prefix = "torch.nn."
    return {
        key: getattr(nn, value.removeprefix(prefix)) if isinstance(value, str) and value.startswith(prefix) else value
        for key, value in arguments.items()
    }
