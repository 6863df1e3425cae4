"""Checks of the values in encoder.json and model.json: people edit these files, and copies get damaged."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from orienteer.errors import InputError
from orienteer.forms import misfit

MOST_VOXELS = 1 << 30
"""Of a patch or view: more than any device can take, and few enough to be counted."""

SMALLEST_MM, LARGEST_MM = 1e-3, 1e3
"""Of a voxel's edges."""

MOST = 1e15
"""Numbers beyond it mean nothing here."""


class _Crop(TypedDict):
    to_body: NotRequired[bool]
    margin_mm: NotRequired[float]


def check_values(file: Path, card: Mapping[str, Any]) -> None:
    """Checks the form of the values of a card; keys that it does not have are skipped.

    Raises:
        InputError: a value of the wrong form, with its key and what was wanted.

    Example:
        >>> check_values(Path("encoder.json"), {"spacing_mm": [1, 1, 0]})
        Traceback (most recent call last):
        orienteer.errors.InputError: spacing_mm in encoder.json: wanted three lengths from 0.001 to 1000.0 mm, \
got [1, 1, 0]. Do this: correct it, or copy the file again from where it was written.
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
    whole = _numbers(value, 3) and all(isinstance(size, int) and size > 0 for size in value)
    return whole and math.prod(value) <= MOST_VOXELS


def _three_lengths(value: Any) -> bool:
    return _numbers(value, 3) and all(SMALLEST_MM <= length <= LARGEST_MM for length in value)


def _intensity_rules(value: Any) -> bool:
    ranges = (("CT", "window_hu"), ("MR", "percentiles_of_body"))
    return isinstance(value, dict) and all(
        isinstance(value.get(kind), dict) and _numbers(value[kind].get(name), 2) for kind, name in ranges
    )


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(_is_number(number) for number in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < MOST


def _crop(value: Any) -> bool:
    return misfit(value, _Crop) is None


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "encoder": ("a name", _is(str)),
    "arguments": ("a table of settings", _is(dict)),
    "target_arguments": ("a table of settings", _is(dict)),
    "view_size": (f"three whole numbers above 0, at most {MOST_VOXELS} voxels", _three_sizes),
    "patch_size": ("three whole numbers above 0", _three_sizes),
    "spacing_mm": (f"three lengths from {SMALLEST_MM} to {LARGEST_MM} mm", _three_lengths),
    "unit_mm": ("a length above 0 mm", lambda value: _is_number(value) and value > 0),
    "crop": ("to_body, true or false, and margin_mm, a number", _crop),
    "sha256": ("a checksum", _is(str)),
    "axes": ("three letters", _is(str)),
    "method": ("a name", _is(str)),
    "licence": ("text", _is(str)),
    "data_fingerprint": ("text", _is(str)),
    "started_from": ("a list of tables", lambda value: misfit(value, list[dict[str, Any]]) is None),
    "target": ("a name, or nothing", lambda value: value is None or isinstance(value, str)),
    "parameters": ("a number", _is_number),
    "steps": ("a number", _is_number),
    "intensity": ("CT with window_hu and MR with percentiles_of_body, two numbers each", _intensity_rules),
}
