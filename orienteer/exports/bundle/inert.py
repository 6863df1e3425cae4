"""Texts and arguments of others in a bundle's JSON, where `monai.bundle` would run some of them.

To `monai.bundle` a text that begins with ``$`` is Python, one that begins with ``@`` or ``%`` stands for another value, and
a table with ``_target_`` is called. Names of classes come from data sets and model cards, which anybody may have made.
"""

import re
from collections.abc import Mapping
from typing import Any

from orienteer.errors import InputError

TORCH = "torch.nn."


def inert(value: Any) -> Any:
    """Returns a value whose texts `monai.bundle` takes as they are, at any depth: a quote stands before what it would run.

    Example:
        >>> inert({"1": "$exit()", "2": "50 % of liver", "3": "a@##b"})
        {'1': "'$exit()", '2': '50 % of liver', '3': 'a##b'}
    """
    if isinstance(value, Mapping):
        return {key: inert(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [inert(item) for item in value]
    if not isinstance(value, str):
        return value
    text = re.sub(r"[@%](?=#|::)", "", value)  # a relative reference, wherever it stands
    return f"'{text}" if text.startswith(("$", "@", "%")) else text


def network_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a network as a config has them; names of torch's classes become expressions.

    Raises:
        InputError: an argument that `monai.bundle` would run.

    Example:
        >>> network_arguments({"conv_op": "torch.nn.Conv3d", "filters": [4, 8]})
        {'conv_op': '$torch.nn.Conv3d', 'filters': [4, 8]}
    """
    return {key: _argument(key, value) for key, value in arguments.items()}


def _argument(key: str, value: Any) -> Any:
    if isinstance(value, str) and value.startswith(TORCH) and value.removeprefix(TORCH).isidentifier():
        return f"${value}"
    if key.startswith("_") or _runs(value):
        got, do = f"{value!r} for {key}", "check where the model comes from"
        raise InputError("target_arguments", wanted="plain values", got=got, do=do)
    return value


def _runs(value: Any) -> bool:
    """Returns whether `monai.bundle` would do something with a value, at any depth."""
    if isinstance(value, Mapping):
        return any(str(key).startswith("_") or _runs(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(_runs(item) for item in value)
    return isinstance(value, str) and inert(value) != value
