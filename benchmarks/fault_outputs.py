"""What commands left in a folder, in a form that can be compared: all of it but times."""

import csv
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.metrics_log import read_lines

TIMED = ("second", "energy", "memory", "wait_share", "resumed")
"""Words in the names of values that depend on the time that a run took, or on whether it was stopped."""

LEFT_OUT = (".html", ".parquet")
"""The page shows times; the other table holds the same as the one in CSV."""

CHECKPOINT = (
    "state_dict",
    "optimizer_states",
    "lr_schedulers",
    "global_step",
    "callbacks",
    "network",
    "optimiser",
    "step",
)
"""What a run is resumed with; the rest are counters of the training library."""


def outputs(folder: Path) -> dict[str, Any]:
    """Returns the content of every file below a folder by its path, without what depends on time.

    Hidden files, which only a killed process leaves, and TensorBoard's files, which hold times throughout, are left out.
    """
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: _READERS.get(path.suffix, _digest)(path)
        for name, path in names.items()
        if not (path.name.startswith(".") or path.suffix in LEFT_OUT or "tensorboard/" in name)
    }


def differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str:
    """Returns in words how outputs differ; nothing where they are equal."""
    missing, other = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    unequal = [name for name in expected if name in got and expected[name] != got[name]]
    kinds = (("missing", missing), ("not expected", other), ("unequal", unequal))
    words = [f"{kind}: {', '.join(names[:4])}" for kind, names in kinds if names]
    return "; ".join(words) + (f" ({_first(expected[unequal[0]], got[unequal[0]])})" if unequal else "")


def _first(expected: Any, got: Any, where: str = "") -> str:
    """Returns the first place where two values differ, in words."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        key = next(key for key in expected if expected[key] != got[key])
        return _first(expected[key], got[key], f"{where}{key}: ")
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        item = next(item for item in range(len(expected)) if expected[item] != got[item])
        return _first(expected[item], got[item], f"{where}item {item}: ")
    return f"{where}{str(expected)[:150]} / {str(got)[:150]}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _json(path: Path) -> Any:
    return _untimed(json.loads(path.read_text()))


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _lines(path: Path) -> Any:
    return [_untimed(row) for row in read_lines(path)]


def _table(path: Path) -> Any:
    with path.open(newline="") as file:
        return [_untimed(row) for row in csv.DictReader(file)]


def _checkpoint(path: Path) -> Any:
    content = read_checkpoint(path)
    return _hashed({name: content[name] for name in CHECKPOINT if name in content})


def _rows(path: Path) -> Any:
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in sorted(tables)}
    if "secret" in rows:
        rows["secret"] = ["drawn at random"] * len(rows["secret"])
    connection.close()
    return rows


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untimed(item) for key, item in value.items() if not any(word in key for word in TIMED)}
    return [_untimed(item) for item in value] if isinstance(value, list) else value


def _hashed(value: Any) -> Any:
    """Returns the content of a checkpoint with each tensor as a hash of its bytes."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
    if isinstance(value, Mapping):
        return {str(key): _hashed(item) for key, item in value.items()}
    return [_hashed(item) for item in value] if isinstance(value, list | tuple) else value


_READERS: dict[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".jsonl": _lines,
    ".csv": _table,
    ".ckpt": _checkpoint,
    ".sqlite": _rows,
}
