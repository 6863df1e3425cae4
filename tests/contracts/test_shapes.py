"""The shapes in signatures are checked while tests run, in functions, methods and dataclasses."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation

from tests.helpers.shape_checks import check_all

CODE = """
from dataclasses import dataclass
import numpy as np
from jaxtyping import Float

def add(
    first: Float[np.ndarray, "views 3"], second: "Missing", *, scale: Float[np.ndarray, " views"]
) -> Float[np.ndarray, " views"]:
    return first.sum(axis=-1) * scale

def broken(first: Float[np.ndarray, "views 3"]) -> Float[np.ndarray, " views"]:
    return first

def plain(first: int) -> int:
    return first

@dataclass(frozen=True)
class Places:
    mm: Float[np.ndarray, "places 3"]

    @property
    def first(self) -> Float[np.ndarray, "3"]:
        return self.mm[:, 0]

    @staticmethod
    def of(row: Float[np.ndarray, "3"]) -> "Places":
        return Places(row[None])
"""


@pytest.fixture(scope="module")
def made() -> ModuleType:
    module = ModuleType("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "made", module)  # a dataclass looks its module up
        exec(CODE, module.__dict__)
    check_all(module, "made")
    return module


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


def test_right_shapes_pass(made: ModuleType) -> None:
    assert made.add(zeros(4, 3), None, scale=zeros(4)).shape == (4,)
    assert made.Places.of(zeros(3)).mm.shape == (1, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda made: made.add(zeros(4, 2), None, scale=zeros(4)),
        lambda made: made.add(zeros(4, 3), None, scale=zeros(5)),
        lambda made: made.broken(zeros(4, 3)),
        lambda made: made.Places(zeros(4, 2)),
        lambda made: made.Places(zeros(4, 3)).first,
        lambda made: made.Places.of(zeros(4)),
    ],
    ids=["an axis", "two that differ", "what is returned", "a field", "a property", "a static method"],
)
def test_wrong_shapes_are_an_error(made: ModuleType, call: Callable[[ModuleType], Any]) -> None:
    with pytest.raises(BeartypeCallHintViolation):
        call(made)


def test_functions_without_shapes_are_left_as_they_are(made: ModuleType) -> None:
    assert made.plain("a word") == "a word"


def test_the_package_is_checked() -> None:
    import torch

    from orienteer.geometry.pairs import gap_matrix

    with pytest.raises(BeartypeCallHintViolation):
        gap_matrix(torch.zeros(2, 4, 2))
