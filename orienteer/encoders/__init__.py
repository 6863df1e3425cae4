"""ENCODERS: every encoder by name; `build_encoder` builds one for a view size."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from orienteer.encoders.anatomix import AnatomixEncoder
from orienteer.encoders.base import Encoder
from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.encoders.mednext import MedNeXtEncoder
from orienteer.encoders.residual import ResidualEncoder
from orienteer.encoders.segresnet import SegResNetEncoder
from orienteer.encoders.swinunetr import SwinUNETREncoder
from orienteer.encoders.target import BUILDING
from orienteer.encoders.tiny import TinyEncoder
from orienteer.encoders.vit import ViTEncoder
from orienteer.errors import InputError
from orienteer.settings import require
from orienteer.types import Triple

ENCODERS: dict[str, Callable[..., Encoder]] = {
    "tiny": TinyEncoder,
    "segresnet": SegResNetEncoder,
    "dynunet": DynUNetEncoder,
    "mednext-s": partial(MedNeXtEncoder, "s"),
    "mednext-b": partial(MedNeXtEncoder, "b"),
    "mednext-m": partial(MedNeXtEncoder, "m"),
    "mednext-l": partial(MedNeXtEncoder, "l"),
    "swinunetr": SwinUNETREncoder,
    "vit": ViTEncoder,
    "residual": ResidualEncoder,
    "anatomix": AnatomixEncoder,
}
"""Each entry takes the view size and its own arguments. The libraries behind them are imported when an encoder is built."""


def build_encoder(name: str, view_size: Triple, grad_checkpointing: bool = False, **arguments: Any) -> Encoder:
    """Returns a new encoder, its weights drawn from torch's current random state.

    Args:
        name: key in ``ENCODERS``.
        view_size: size of the views in voxels, array order.
        grad_checkpointing: recompute each stage in the backward pass: less memory, about a third more time.
        **arguments: settings of this encoder; all have defaults.

    Raises:
        InputError: unknown name or argument, a setting that the library rejects, a view size that does not fit, or a
            library that is not installed.

    Example:
        >>> import torch
        >>> encoder = build_encoder("tiny", (32, 32, 48), filters=(4, 8, 8))
        >>> encoder.channels, encoder.strides[-1]
        ((4, 8, 8), (8, 8, 8))
        >>> [tuple(level.shape) for level in encoder(torch.zeros(2, 1, 32, 32, 48))]
        [(2, 4, 16, 16, 24), (2, 8, 8, 8, 12), (2, 8, 4, 4, 6)]
    """
    encoder = _build(name, view_size, arguments)
    encoder.check_size(view_size)
    encoder.grad_checkpointing = grad_checkpointing
    return encoder


def view_divisor(name: str, **arguments: Any) -> Triple:
    """Returns what every view size must be a multiple of, per axis, before a view size is chosen.

    Example:
        >>> view_divisor("tiny"), view_divisor("vit", patch_size=12)
        ((16, 16, 16), (12, 12, 12))
    """
    edge = 2 * int(arguments.get("patch_size", 48))
    with torch.random.fork_rng(devices=[]):  # weights are drawn and discarded, without changing the random state
        return _build(name, (edge, edge, edge), arguments).divisor


def can_decode(name: str) -> bool:
    """Returns whether an encoder can be pretrained together with its decoder.

    Example:
        >>> can_decode("dynunet"), can_decode("vit"), can_decode("not one")
        (True, False, False)
    """
    return name in ENCODERS and "decoder" in inspect.signature(ENCODERS[name]).parameters


def _build(name: str, view_size: Triple, arguments: dict[str, Any]) -> Encoder:
    """Returns the encoder after checking its name and the names of its arguments."""
    require(name in ENCODERS, "encoder", f"one of {', '.join(ENCODERS)}", repr(name), "use one of these")
    builder = ENCODERS[name]
    known = [key for key in inspect.signature(builder).parameters if key != "view_size"]
    unknown = [key for key in arguments if key not in known]
    what, do = f"argument of encoder '{name}'", "correct the spelling or leave it out"
    require(not unknown, what, f"one of {', '.join(known)}", ", ".join(unknown), do)
    try:
        return builder(view_size=view_size, **arguments)
    except InputError:
        raise
    except BUILDING as error:
        raise InputError(
            f"arguments of encoder '{name}'",
            wanted="settings that the library accepts",
            got=f"{arguments} ({error})",
            do="correct the setting that the message in brackets names",
        ) from error
