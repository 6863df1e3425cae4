"""What the values of encoder.json and model.json must look like: people edit these files, and copies get damaged."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orienteer.errors import InputError


def check_forms(file: Path, card: Mapping[str, Any]) -> None:
    """Stops where a value that is there cannot be what its key says.

    Raises:
        InputError: names the key, what was wanted and what came.

    Example:
        >>> check_forms(Path("encoder.json"), {"spacing_mm": [1, 1, 0]})
        Traceback (most recent call last):
        orienteer.errors.InputError: spacing_mm in encoder.json: wanted three numbers above 0, got [1, 1, 0]. Do this: \
mend it, or copy the file again from where it was written.
    """
    for key, (wanted, holds) in _FORMS.items():
        if key in card and not holds(card[key]):
            raise InputError(
                f"{key} in {file}",
                wanted=wanted,
                got=str(card[key])[:80],
                do="mend it, or copy the file again from where it was written",
            )


def _three_sizes(value: Any) -> bool:
    return _numbers(value, 3) and all(isinstance(size, int) and size > 0 for size in value)


def _three_lengths(value: Any) -> bool:
    return _numbers(value, 3) and min(value) > 0


def _rules(value: Any) -> bool:
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
    "intensity": ("CT with window_hu and MR with percentiles_of_body, two numbers each", _rules),
}
