"""Settings of a command: frozen dataclasses made from the plain values that Python calls, YAML files and shells give."""

import dataclasses
import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Any, TypeVar, get_type_hints

from orienteer.errors import InputError
from orienteer.forms import as_word, misfit

SettingsT = TypeVar("SettingsT")


def make_settings(kind: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    """Returns settings from plain values; lists become tuples, tables become the dataclass that their field names.

    Raises:
        InputError: an unknown key, with the nearest known ones; or a value of another kind than the field's.

    Example:
        >>> from typing import Literal
        >>> @dataclasses.dataclass(frozen=True)
        ... class Cut:
        ...     plane: Literal["axial", "coronal"] = "axial"
        >>> make_settings(Cut, {"plain": "coronal"})
        Traceback (most recent call last):
        orienteer.errors.InputError: plain: wanted a known setting, got an unknown one. Do this: did you mean plane?.
    """
    hints = get_type_hints(kind)
    check_known(values, {item.name for item in dataclasses.fields(kind)})  # type: ignore[arg-type]
    return kind(**{key: _converted(key, value, hints[key]) for key, value in values.items()})


def check_known(keys: Iterable[str], known: Collection[str]) -> None:
    """Stops at the first key that is not known.

    Raises:
        InputError: naming it and the known keys nearest to it.
    """
    for key in keys:
        if key not in known:
            do = f"did you mean {nearest(key, known)}?"
            raise InputError(key, wanted="a known setting", got="an unknown one", do=do)


def nearest(word: str, known: Collection[str]) -> str:
    """Returns the known words nearest to one that is not known."""
    return " or ".join(difflib.get_close_matches(word, sorted(known), n=2, cutoff=0.4)) or "one of --help's"


def require(holds: bool, what: str, wanted: str, got: object, do: str = "") -> None:
    """Stops where a setting cannot be right.

    Args:
        holds: whether it can.
        what: name of the setting.
        wanted: which values it may have.
        got: the value that came.
        do: what to do; by default to use a value that is wanted.

    Raises:
        InputError: where it does not hold.
    """
    if not holds:
        raise InputError(what, wanted=wanted, got=str(got), do=do or f"change {what} to {wanted}")


def plain(value: Any) -> Any:
    """Returns a value as JSON and YAML know it: dataclasses become tables, tuples lists, at any depth.

    Example:
        >>> plain({"view_size": (32, 32, 48)})
        {'view_size': [32, 32, 48]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _converted(key: str, value: Any, hint: Any) -> Any:
    value = as_word(value, hint)
    if isinstance(value, Mapping) and dataclasses.is_dataclass(hint):
        return make_settings(hint, value)  # type: ignore[arg-type]
    if problem := misfit(value, hint):
        what = f"{key}.{problem.where}" if problem.where.isidentifier() else f"{key} ({problem.where})"
        require(False, what if problem.where else key, problem.wanted, problem.got)
    if isinstance(value, PurePath):
        return str(value)
    return tuple(value) if isinstance(value, list) else value
