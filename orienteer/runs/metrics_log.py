"""metrics.jsonl: one JSON object a line, added while a run trains, cut back where it is resumed."""

import json
import os
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


class LineTail:
    """Reads what is added to a metrics.jsonl while a run writes it, each line once.

    Args:
        file: the metrics.jsonl; it need not exist yet.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file, tail = Path(folder, METRICS_FILE), LineTail(Path(folder, METRICS_FILE))
        ...     append_line(file, 1, "train", {"loss": 0.5})
        ...     [(restarted, len(rows)) for restarted, rows in (tail.read(), tail.read())]
        [(False, 1), (False, 0)]
    """

    def __init__(self, file: Path) -> None:
        self._file, self._file_number, self._offset = file, -1, 0

    def read(self) -> tuple[bool, list[dict[str, Any]]]:
        """Returns whether the file began anew, so that earlier rows no longer count, and the rows that are new.

        A line whose end is not written yet is left for the next time; damaged ones are left out.
        """
        try:
            with open(self._file, "rb") as log:
                now = os.fstat(log.fileno())
                restarted = self._offset > 0 and (now.st_ino != self._file_number or now.st_size < self._offset)
                self._file_number, self._offset = now.st_ino, 0 if restarted else self._offset
                log.seek(self._offset)
                whole = log.read().rpartition(b"\n")[0]
        except OSError:  # removed, or not there yet
            restarted, self._offset = self._offset > 0, 0
            return restarted, []
        self._offset += len(whole) + 1 if whole else 0
        rows = [_row(line) for line in whole.decode("utf-8", "replace").splitlines()]
        return restarted, [row for row in rows if row is not None and "part" in row]


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
