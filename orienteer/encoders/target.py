"""The networks that users load pretrained weights into, built from what an encoder says of its target."""

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from orienteer.errors import InputError

LIBRARIES = ("monai.networks.nets.", "dynamic_network_architectures.architectures.")
"""Where targets may come from. A weights file names its target, and must not be able to call anything else."""


def build_target(target: str, arguments: Mapping[str, Any], **changes: Any) -> nn.Module:
    """Returns the target network with new weights.

    Args:
        target: `Encoder.target`, a class in one of ``LIBRARIES``.
        arguments: `Encoder.target_arguments`. Torch's classes are written as ``"torch.nn.Conv3d"``.
        **changes: arguments to replace, such as the number of classes under the name `Encoder.target_outputs`.

    Raises:
        InputError: the class is not of these libraries, or its library is not installed.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> encoder = build_encoder("tiny", (32, 32, 32), filters=(4, 4, 4))
        >>> network = build_target(encoder.target, encoder.target_arguments, **{encoder.target_outputs: 5})
        >>> network.load_state_dict(encoder.transferable(), strict=False).unexpected_keys
        []
    """
    module, _, name = target.rpartition(".")
    if not target.startswith(LIBRARIES):
        raise InputError(
            "target",
            wanted=f"a class in {' or '.join(library + '*' for library in LIBRARIES)}",
            got=target,
            do="check where the weights file comes from",
        )
    try:
        builder = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            "target",
            wanted=f"an installed library with {target}",
            got=str(error),
            do=f"run: pip install {'monai' if target.startswith('monai.') else INSTALL_RESIDUAL}",
        ) from error
    return builder(**with_classes({**arguments, **changes}))


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
