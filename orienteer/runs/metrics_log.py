"""metrics.jsonl: one JSON object a line, added while a run trains, cut back where it is resumed."""

import json
from collections.abc import Mapping
from pathlib import Path

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
    kept = []
    for line in file.read_text().splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= after_step:
                kept.append(line)
        except json.JSONDecodeError:
            continue
    write_text(file, "".join(kept))
