"""Results of cells on disk: one JSON file each, written whole or not at all; failures are kept in another folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from orienteer.comparison.plan.cell import Cell
from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.progress import say
from orienteer.settings import require


class _Result(TypedDict):
    hash: str
    kind: str
    values: list[tuple[str, str, str, float]]
    steps: int | None
    facts: dict[str, Any]
    cpu_seconds: float
    device: str
    threads: int
    versions: dict[str, str]


class Records:
    """The folders ``cells``, ``failed`` and ``logs`` of a comparison."""

    def __init__(self, out: Path) -> None:
        self._cells, self._failed, self._logs = out / "cells", out / "failed", out / "logs"
        for folder in (self._cells, self._failed, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, dict[str, Any]] = {}
        self._damaged = set[str]()

    def get(self, name: str) -> dict[str, Any] | None:
        """Returns the result of a cell by its hash; None where it has not finished."""
        path = self._cells / f"{name}.json"
        if name not in self._known and name not in self._damaged and path.is_file():
            try:
                result = read_json(path, _Result, wanted="the result of a cell")
                require(result["hash"] == name, str(path), f"the result of cell {name}", result["hash"], "restore it")
                self._known[name] = result
            except InputError as error:
                self._damaged.add(name)
                say(f"{error} The cell is run again.")
        return self._known.get(name)

    def add(self, result: Mapping[str, Any]) -> None:
        """Writes a result; an earlier failure of the same cell is removed."""
        name = str(result["hash"])
        write_json(self._cells / f"{name}.json", result, indent=None)
        (self._failed / f"{name}.json").unlink(missing_ok=True)
        self._known[name] = dict(result)
        self._damaged.discard(name)

    def fail(self, cell: Cell, message: str) -> None:
        """Writes why a cell failed."""
        failure = {
            "hash": cell.hash,
            "cell": cell.words,
            "kind": cell.kind,
            "seed": cell.seed,
            "fraction": cell.fraction,
        }
        write_json(self._failed / f"{cell.hash}.json", {**failure, "message": message}, indent=1)

    def failure(self, name: str) -> str | None:
        """Returns why a cell failed; None where it did not."""
        path = self._failed / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return str(read_json(path, dict[str, Any])["message"])
        except (InputError, KeyError):
            return "why cannot be read"

    def log(self, cell: Cell) -> Path:
        """Returns the file that receives the output of a cell."""
        return self._logs / f"{cell.kind}-{cell.file_name}.log"

    def mean_dice(self, name: str) -> float | None:
        """Returns the mean Dice of a fine-tuning over its cases by its hash; None where it has not finished."""
        result = self.get(name)
        if result is None:
            return None
        values = [float(value) for _, metric, _, value in result["values"] if metric == "dice_mean"]
        return sum(values) / max(1, len(values))
