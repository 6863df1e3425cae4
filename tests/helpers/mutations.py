"""Small damages of files: flipped bits, lost and doubled pieces, and values of another kind, each from a seed."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1e9, 10**30, 0.5, float("nan"), float("inf"), "", "x", "../../x", "\x1b[2J", [], {}, [[]],
    [1, 2], ["a"], {"a": 1}, "1", "é" * 300,
)  # fmt: skip
"""Values that take the place of others."""


def damaged_bytes(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yields copies with a flipped bit, a lost, doubled or foreign piece, or a cut end."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        at, length = int(rng.integers(len(content))), int(rng.integers(1, 12))
        kind = number % 5
        if kind == 0:
            yield content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]
        elif kind == 1:
            yield content[:at] + content[at + length :]
        elif kind == 2:
            yield content[: at + length] + content[at:]
        elif kind == 3:
            yield content[:at] + rng.bytes(length) + content[at:]
        else:
            yield content[:at]


def damaged_values(value: Any, count: int, seed: int = 0) -> Iterator[str]:
    """Yields JSON texts in which one value, anywhere in it, is another one or lacks."""
    rng = np.random.default_rng(seed)
    places = list(_places(value, ()))
    for _ in range(count):
        changed = copy.deepcopy(value)
        place = places[rng.integers(len(places))]
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        if rng.random() < 0.2:
            del inner[place[-1]]
        else:
            inner[place[-1]] = ODD[rng.integers(len(ODD))]
        yield json.dumps(changed)


def _places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from _places(item, (*at, key))
