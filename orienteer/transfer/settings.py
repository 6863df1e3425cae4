"""Settings of a command from plain values, as Python calls and YAML files give them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from orienteer.errors import InputError
from orienteer.training.config import nearest

SettingsT = TypeVar("SettingsT")


def make_settings(kind: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    """Returns settings from plain values; lists become tuples.

    Raises:
        InputError: an unknown key, or a value that is none of the choices.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Cut:
        ...     plane: Literal["axial", "coronal"] = "axial"
        >>> make_settings(Cut, {"plain": "coronal"})
        Traceback (most recent call last):
        orienteer.errors.InputError: plain: wanted a known setting, got an unknown one. Do this: did you mean plane?.
    """
    hints = get_type_hints(kind)
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            do = f"did you mean {nearest(key, known)}?"
            raise InputError(key, wanted="a known setting", got="an unknown one", do=do)
        if get_origin(hints[key]) is Literal and value not in get_args(hints[key]):
            wanted = f"one of {', '.join(map(str, get_args(hints[key])))}"
            raise InputError(key, wanted=wanted, got=str(value), do="choose one of these")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
