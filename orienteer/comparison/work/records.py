"""Results of cells on disk: one JSON file each, written whole or not at all; failures are kept in another folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orienteer.comparison.plan.cell import Cell
from orienteer.files import write_json


class Records:
    """The folders ``cells``, ``failed`` and ``logs`` of a comparison."""

    def __init__(self, out: Path) -> None:
        self._cells, self._failed, self._logs = out / "cells", out / "failed", out / "logs"
        for folder in (self._cells, self._failed, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, dict[str, Any]] = {}

    def get(self, name: str) -> dict[str, Any] | None:
        """Returns the result of a cell by its hash; None where it has not finished."""
        path = self._cells / f"{name}.json"
        if name not in self._known and path.is_file():
            self._known[name] = json.loads(path.read_text())
        return self._known.get(name)

    def add(self, result: Mapping[str, Any]) -> None:
        """Writes a result; an earlier failure of the same cell is removed."""
        name = str(result["hash"])
        write_json(self._cells / f"{name}.json", result, indent=None)
        (self._failed / f"{name}.json").unlink(missing_ok=True)
        self._known[name] = dict(result)

    def fail(self, cell: Cell, message: str) -> None:
        """Writes why a cell failed."""
        failure = {"hash": cell.hash, "kind": cell.kind, "seed": cell.seed, "fraction": cell.fraction}
        write_json(self._failed / f"{cell.hash}.json", {**failure, "message": message}, indent=1)

    def failure(self, name: str) -> str | None:
        """Returns why a cell failed; None where it did not."""
        path = self._failed / f"{name}.json"
        return str(json.loads(path.read_text())["message"]) if path.is_file() else None

    def log(self, cell: Cell) -> Path:
        """Returns the file that receives the output of a cell."""
        return self._logs / f"{cell.kind}-{cell.hash}.log"

    def mean_dice(self, name: str) -> float | None:
        """Returns the mean Dice of a fine-tuning over its cases by its hash; None where it has not finished."""
        result = self.get(name)
        if result is None:
            return None
        values = [float(value) for _, metric, _, value in result["values"] if metric == "dice_mean"]
        return sum(values) / max(1, len(values))
