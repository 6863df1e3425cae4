"""metrics.jsonl: one JSON object a line, added while a run trains, cut back where it is resumed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orienteer.files import write_text

METRICS_FILE = "metrics.jsonl"


def append_line(file: Path, step: int, part: str, metrics: Mapping[str, float]) -> None:
    """Appends the metrics of a step.

    Args:
        file: the metrics.jsonl.
        step: optimiser steps so far.
        part: ``train`` or ``heldout``.
        metrics: values by name.
    """
    with open(file, "a") as log:
        log.write(json.dumps({"step": step, "part": part, **metrics}) + "\n")


def cut_lines(file: Path, after_step: int) -> None:
    """Removes lines of later steps, and a last line that is incomplete, which an interrupted run left behind.

    Args:
        file: the metrics.jsonl; it need not exist.
        after_step: the last step to keep.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, METRICS_FILE)
        ...     for step in (1, 2, 3):
        ...         append_line(file, step, "train", {"loss": 0.5})
        ...     cut_lines(file, after_step=2)
        ...     len(file.read_text().splitlines())
        2
    """
    if not file.is_file():
        return
    lines = [line for line in _text(file).splitlines(keepends=True) if line.endswith("\n")]
    rows = [(line, _row(line)) for line in lines]
    write_text(file, "".join(line for line, row in rows if row is not None and row["step"] <= after_step))


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Returns the lines of a metrics.jsonl; damaged ones are left out, a missing file has none.

    Returns:
        ``step``, ``part`` and the metrics of each, numbers by name.
    """
    rows = [_row(line) for line in _text(file).splitlines()] if file.is_file() else []
    return [row for row in rows if row is not None and "part" in row]


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def _row(line: str) -> dict[str, Any] | None:
    """Returns what a line holds; None where it is not one that was written."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or not isinstance(row.get("part", ""), str):
        return None
    return row if all(type(value) in (int, float) for key, value in row.items() if key != "part") else None
