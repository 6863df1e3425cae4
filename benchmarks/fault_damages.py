"""Damages of files: flipped bits, lost pieces, values of another kind, files that are gone or another's."""

import copy
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 3, 1e9, 10**30, -(10**30), 0.5, -0.5, 1e-300, float("nan"), float("inf"), float("-inf")),
    *("", "x", "../../x", "\x1b[2J", "1", "é" * 300, "auto", "/dev/null"),
    *([], {}, [[]], [1, 2], [1, 2, 3], [0, 0, 0], [-1, -1, -1], [10**9] * 3, ["a"], {"a": 1}, {"": None}),
)  # fmt: skip
"""Values that take the place of others."""


def damage(path: Path, other: Path, rng: random.Random) -> str:
    """Damages a file and returns how, in words.

    Args:
        path: the file.
        other: the same file of another run, to take its place.
        rng: draws the kind and the place.
    """
    kinds: list[Callable[[Path, random.Random], str]] = [_bytes, _bytes]
    kinds += {".json": [_json, _json], ".yaml": [_yaml, _yaml], ".jsonl": [_line], ".sqlite": [_row] * 4}.get(
        path.suffix, []
    )
    if rng.random() < 0.12:
        return _whole(path, other, rng)
    return rng.choice(kinds)(path, rng)


def _whole(path: Path, other: Path, rng: random.Random) -> str:
    """Removes a file, or puts something else in its place."""
    kind = rng.choice(("gone", "empty", "a folder", "another's", "a dangling link"))
    if kind == "another's" and other.is_file():
        shutil.copyfile(other, path)
        return kind
    if kind == "empty":
        path.write_bytes(b"")
        return kind
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "a dangling link":
        path.symlink_to(path.with_name("nothing"))
    return kind


def _bytes(path: Path, rng: random.Random) -> str:
    content, words = damaged_bytes(path.read_bytes(), rng)
    path.write_bytes(content)
    return words


def damaged_bytes(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Returns a copy with a piece flipped, lost, doubled, foreign, zero or all that follows cut, and where, in words."""
    at, length = rng.randrange(max(1, len(content))), rng.randrange(1, 12)
    kind = rng.choice(("flipped", "lost", "doubled", "foreign", "zeros", "cut"))
    after = {
        "flipped": content[:at]
        + bytes(byte ^ (1 << rng.randrange(8)) for byte in content[at : at + 1])
        + content[at + 1 :],
        "lost": content[:at] + content[at + length :],
        "doubled": content[: at + length] + content[at:],
        "foreign": content[:at] + rng.randbytes(length) + content[at:],
        "zeros": content[:at] + bytes(len(content[at : at + length])) + content[at + length :],
        "cut": content[:at],
    }[kind]
    return after, f"{kind} at byte {at}"


def _json(path: Path, rng: random.Random) -> str:
    value, words = damaged_value(json.loads(path.read_text()), rng)
    path.write_text(json.dumps(value))
    return words


def _yaml(path: Path, rng: random.Random) -> str:
    value, words = damaged_value(yaml.safe_load(path.read_text()), rng)
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return words


def _line(path: Path, rng: random.Random) -> str:
    lines = path.read_text().splitlines()
    number = rng.randrange(len(lines))
    value, words = damaged_value(json.loads(lines[number]), rng)
    lines[number] = json.dumps(rng.choice((value, value, rng.choice(ODD))))
    path.write_text("\n".join(lines) + "\n")
    return f"line {number + 1}: {words}"


def _row(path: Path, rng: random.Random) -> str:
    """Changes one value of one row of an index of scans."""
    with sqlite3.connect(path) as connection:
        table, columns = rng.choice(
            [("scans", ("key", "settings", "nbytes", "checksum", "entry")), ("hashes", ("path", "state", "content"))]
        )
        column = rng.choice(columns)
        rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        row, before = rng.choice(rows)
        value, words = _changed_cell(before, rng)
        connection.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE rowid = ?", (value, row))
    connection.close()
    return f"{table}.{column}, row {row}: {words}"


def _changed_cell(before: Any, rng: random.Random) -> tuple[Any, str]:
    if isinstance(before, str) and before.startswith("{"):
        value, words = damaged_value(json.loads(before), rng)
        return json.dumps(value), words
    value = rng.choice(("", "x", 0, -1, 3, 2**62, b"\xff\xfe", "\x1b[2J", f"{before}x"))
    return value, f"= {value!r}"


def damaged_value(value: Any, rng: random.Random) -> tuple[Any, str]:
    """Returns a copy with one value, anywhere in it, replaced, removed or added, and which, in words."""
    changed = copy.deepcopy(value)
    places = list(_places(value, ()))
    if not places or rng.random() < 0.03:
        odd = rng.choice(ODD)
        return odd, f"= {odd!r}"
    place = rng.choice(places)
    inner, key, where = changed, place[-1], ".".join(map(str, place))
    for step in place[:-1]:
        inner = inner[step]
    kind = rng.random()
    if kind < 0.15:
        del inner[key]
        return changed, f"{where} removed"
    if kind < 0.25 and isinstance(inner, dict):
        inner["unheard_of"] = rng.choice(ODD)
        return changed, f"unheard_of added beside {where}"
    before = inner[key]
    odd = rng.choice(_near(before) if rng.random() < 0.4 else ODD)
    inner[key] = odd
    return changed, f"{where} = {str(odd)[:40]!r}"


def _near(value: Any) -> tuple[Any, ...]:
    """Returns values of the same kind as a value."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 1, -value, value * 1000, value / 3, int(value) + 10**12, float(value) * 1e200)
    if isinstance(value, str):
        return (value + "x", value[:-1], value.upper(), value[::-1])
    if isinstance(value, list):
        return ([*value, *value], value[:-1], value[::-1], [value], [str(item) for item in value])
    return ({}, [value], {**value, "a": 1}) if isinstance(value, dict) else (0, "", False)


def _places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from _places(item, (*at, key))
