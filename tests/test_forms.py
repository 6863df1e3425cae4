"""Values are compared with type hints at any depth, and the place of a difference is named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import pytest

from orienteer.forms import described, misfit


class Card(TypedDict):
    name: str
    sizes: list[int]
    note: NotRequired[str]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (1, float),
        (np.int64(1), int),
        (np.float32(1.5), float),
        (10**400, float),
        (Path("a"), str),
        ([1, 2], tuple[int, int]),
        ((), tuple[int, ...]),
        (None, tuple[int, int] | None),
        ({"a": {"b": object()}}, dict[str, dict[str, Any]]),
        ({"a": 1}, Mapping[str, int]),
        ({"name": "a", "sizes": [], "more": 1}, Card),
        ("x", Literal["x", "y"]),
    ],
)
def test_values_that_fit(value: Any, form: Any) -> None:
    assert misfit(value, form) is None


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [
        (True, int, ("", "a whole number", "True")),
        (1, bool, ("", "true or false", "1")),
        (1.5, int, ("", "a whole number", "1.5")),
        (float("nan"), float, ("", "a number", "nan")),
        ("1", float, ("", "a number", "1")),
        ("", int, ("", "a whole number", "''")),
        ("ab", tuple[str, ...], ("", "a list of texts", "ab")),
        ([1, 2], tuple[int, int, int], ("", "3 whole numbers", "[1, 2]")),
        ([1, "2"], tuple[int, int] | None, ("item 2", "a whole number", "2")),
        (1, Literal[True], ("", "one of True", "1")),
        ({"a": [{"b": None}]}, dict[str, list[dict[str, int]]], ("a, item 1, b", "a whole number", "None")),
        ({"sizes": []}, Card, ("", "`name` among its keys", "sizes")),
        ({"name": "a", "sizes": [1, []]}, Card, ("sizes, item 2", "a whole number", "[]")),
        ({"a": {1: 2}}, dict[str, dict[str, int]], ("a", "texts as keys", "1")),
        ("x\x1b" * 99, int, ("", "a whole number", "x\\x1b" * 16 + "...")),
    ],
)
def test_the_first_difference_is_named(value: Any, form: Any, words: tuple[str, str, str]) -> None:
    assert misfit(value, form) == words


def test_hints_in_words() -> None:
    assert described(list[str] | None) == "a list of texts or nothing"
    assert described(dict[str, Any]) == "a table"
    assert described(Card) == "a table"
