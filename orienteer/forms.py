"""Whether a plain value has the form that a type hint describes, and the place where it differs, in words."""

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints, is_typeddict

from orienteer.text import printable

MOST_WORDS = 80
"""Letters of a value that are shown in a message."""


class Misfit(NamedTuple):
    """Where a value differs from its form: the keys that lead there, what was wanted, and what came."""

    where: str
    wanted: str
    got: str


def misfit(value: Any, form: Any) -> Misfit | None:
    """Returns the first place where a value differs from a type hint; None if it fits.

    A whole number is a number too, a list does for a tuple, and numbers are finite. Keys that a TypedDict does not name
    are ignored.

    Args:
        value: as JSON and YAML give it.
        form: a type hint.

    Example:
        >>> misfit({"a": [1, "b"]}, dict[str, list[int]])
        Misfit(where='a, item 2', wanted='a whole number', got='b')
        >>> misfit((1, 2.5), tuple[float, float]) is None
        True
    """
    return _misfit(value, form, ())


def as_word(value: Any, hint: Any) -> Any:
    """Returns the word that a setting wants where YAML has read a number; any other value as it is.

    Example:
        >>> from typing import Literal
        >>> as_word(32, Literal["32", "bf16"]), as_word(32, Literal["16"] | None), as_word(32, int)
        ('32', 32, 32)
    """
    hints = [option for option in (hint, *get_args(hint)) if get_origin(option) is Literal]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and any(str(value) in get_args(words) for words in hints) else value


def described(form: Any) -> str:
    """Returns a type hint in words.

    Example:
        >>> described(tuple[int, int, int] | None), described(dict[str, list[float]])
        ('3 whole numbers or nothing', 'a table of lists of numbers')
    """
    return _words(form, several=False)


def shown(value: Any) -> str:
    """Returns a value as a message shows it: short, on one line."""
    text = printable(value if isinstance(value, str) and value.strip() else repr(value))
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}..."


def _misfit(value: Any, form: Any, at: tuple[str, ...]) -> Misfit | None:
    origin, inner = get_origin(form), get_args(form)
    if origin in (Union, types.UnionType):
        misfits = [_misfit(value, option, at) for option in inner]
        if None in misfits:
            return None
        deeper = [item for item in misfits if item is not None and item.where != ", ".join(at)]
        return deeper[0] if deeper else _differs(value, form, at)
    if is_typeddict(form):
        return _typed_dict_misfit(value, form, at)
    if not _is_kind(value, form, origin):
        return _differs(value, form, at)
    if origin in (dict, Mapping):
        odd = next((key for key in value if inner[0] is str and not isinstance(key, str)), None)
        if any(inner[0] is str and not isinstance(key, str) for key in value):
            return Misfit(", ".join(at), "texts as keys", shown(odd))
        return _first(_misfit(item, inner[1], (*at, str(key))) for key, item in value.items())
    if origin is tuple and Ellipsis not in inner:
        if len(value) != len(inner):
            return _differs(value, form, at)
        pairs = zip(value, inner, strict=True)
        return _first(_misfit(item, kind, (*at, f"item {number}")) for number, (item, kind) in enumerate(pairs, 1))
    if origin in (list, tuple, Sequence):
        return _first(_misfit(item, inner[0], (*at, f"item {number}")) for number, item in enumerate(value, 1))
    return None


def _is_kind(value: Any, form: Any, origin: Any) -> bool:
    """Returns whether a value is of the outermost kind that a hint names."""
    if form is Any:
        return True
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(form))
    kind = origin or form
    if kind in (None, type(None)):
        return value is None
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is float:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole or (isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value))
    if kind is str:
        return isinstance(value, str | PurePath)
    if kind in (list, tuple, Sequence):
        return isinstance(value, list | tuple)
    if kind in (dict, Mapping) or dataclasses.is_dataclass(kind):
        return isinstance(value, Mapping) or (isinstance(kind, type) and isinstance(value, kind))
    return isinstance(value, kind) if isinstance(kind, type) else True


def _typed_dict_misfit(value: Any, form: Any, at: tuple[str, ...]) -> Misfit | None:
    if not isinstance(value, Mapping):
        return _differs(value, dict[str, Any], at)
    missing = sorted(form.__required_keys__ - set(value))
    if missing:
        return Misfit(
            ", ".join(at), f"`{missing[0]}` among its keys", ", ".join(map(str, value))[:MOST_WORDS] or "none"
        )
    hints = get_type_hints(form)
    return _first(_misfit(value[key], hint, (*at, key)) for key, hint in hints.items() if key in value)


def _differs(value: Any, form: Any, at: tuple[str, ...]) -> Misfit:
    return Misfit(", ".join(at), described(form), shown(value))


def _first(misfits: Iterable[Misfit | None]) -> Misfit | None:
    return next((item for item in misfits if item is not None), None)


_KINDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "values true or false"),
    type(None): ("nothing", "nothing"),
    None: ("nothing", "nothing"),
    Any: ("a value", "values"),
}


def _words(form: Any, several: bool) -> str:
    origin, inner = get_origin(form), get_args(form)
    if form in _KINDS:
        return _KINDS[form][several]
    if origin in (Union, types.UnionType):
        return " or ".join(_words(option, several) for option in inner)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is tuple and Ellipsis not in inner:
        return f"{len(inner)} {_words(inner[0], several=True)}"
    table = origin in (dict, Mapping) or form is dict or is_typeddict(form) or dataclasses.is_dataclass(form)
    if table or origin in (list, tuple, Sequence) or form in (list, tuple):
        kind = ("a table", "tables") if table else ("a list", "lists")
        what = inner[-1 if table else 0] if inner else Any
        return kind[several] + (f" of {_words(what, several=True)}" if what is not Any else "")
    return str(getattr(form, "__name__", form))
