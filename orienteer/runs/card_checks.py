"""Checks of the values in encoder.json and model.json: people edit these files, and copies get damaged."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orienteer.errors import InputError


def check_values(file: Path, card: Mapping[str, Any]) -> None:
    """Checks the form of the values of a card; keys that it does not have are skipped.

    Raises:
        InputError: a value of the wrong form, with its key and what was wanted.

    Example:
        >>> check_values(Path("encoder.json"), {"spacing_mm": [1, 1, 0]})
        Traceback (most recent call last):
        orienteer.errors.InputError: spacing_mm in encoder.json: wanted three numbers above 0, got [1, 1, 0]. Do this: \
correct it, or copy the file again from where it was written.
    """
    for key, (wanted, is_right) in _FORMS.items():
        if key in card and not is_right(card[key]):
            raise InputError(
                f"{key} in {file}",
                wanted=wanted,
                got=str(card[key])[:80],
                do="correct it, or copy the file again from where it was written",
            )


def _three_sizes(value: Any) -> bool:
    return _numbers(value, 3) and all(isinstance(size, int) and size > 0 for size in value)


def _three_lengths(value: Any) -> bool:
    return _numbers(value, 3) and min(value) > 0


def _intensity_rules(value: Any) -> bool:
    ranges = (("CT", "window_hu"), ("MR", "percentiles_of_body"))
    return isinstance(value, dict) and all(
        isinstance(value.get(kind), dict) and _numbers(value[kind].get(name), 2) for kind, name in ranges
    )


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(type(number) in (int, float) for number in value)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "encoder": ("a name", _is(str)),
    "arguments": ("a table of settings", _is(dict)),
    "target_arguments": ("a table of settings", _is(dict)),
    "view_size": ("three whole numbers above 0", _three_sizes),
    "patch_size": ("three whole numbers above 0", _three_sizes),
    "spacing_mm": ("three numbers above 0", _three_lengths),
    "intensity": ("CT with window_hu and MR with percentiles_of_body, two numbers each", _intensity_rules),
}
