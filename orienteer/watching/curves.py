"""Curves of a run that is being trained: what metrics.jsonl holds, thinned for a page."""

import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.runs.metrics_log import LineTail
from orienteer.runs.summary import metric_factor, metric_name, with_baselines

MOST_POINTS = 300
"""Points of a training curve on the page: each is the mean of a block of steps where there are more."""

LOSS = "loss"


class Curves:
    """The metrics of a run by name, read from its metrics.jsonl as it grows.

    Args:
        file: the metrics.jsonl; it need not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self._tail = LineTail(file)
        self._forget()

    def update(self) -> bool:
        """Reads what is new and returns whether anything is."""
        restarted, rows = self._tail.read()
        if restarted:
            self._forget()
        for row in rows:
            self._add(row)
        return restarted or bool(rows)

    @property
    def last_step(self) -> int:
        """The last step with a line; 0 without any."""
        return self._last

    @property
    def validations(self) -> list[int]:
        """Steps of the validations so far."""
        return [int(row["step"]) for row in self._heldout]

    def loss(self) -> dict[str, Any]:
        """Returns the loss in training and on the held-out scans, as steps and values."""
        return {"train": self._train_curve(LOSS), "heldout": self._heldout_curve(LOSS)}

    def metrics(self) -> list[dict[str, Any]]:
        """Returns the held-out metrics that have a unit or a baseline, those with most baselines first.

        Each with its name, its curves, and the values of its baselines.
        """
        last = self._heldout[-1] if self._heldout else {}
        numbers = {key: value for key, value in last.items() if key not in ("step", "part")}
        rows = sorted(with_baselines(numbers).items(), key=lambda row: -len(row[1]))
        return [
            {
                "key": key,
                "name": metric_name(key),
                "train": self._train_curve(key),
                "heldout": self._heldout_curve(key),
                "baselines": {name: _shown(last[f"{key}_{name}"], key) for name in baselines},
            }
            for key, baselines in rows
        ]

    def _forget(self) -> None:
        self._train: dict[str, tuple[array[float], array[float]]] = {}
        self._heldout: list[dict[str, Any]] = []
        self._last = 0

    def _add(self, row: Mapping[str, Any]) -> None:
        self._last = max(self._last, row["step"])
        if row["part"] == "heldout":
            self._heldout.append(dict(row))
            return
        for key, value in row.items():
            if key not in ("step", "part") and not key.startswith("loss."):
                steps, values = self._train.setdefault(key, (array("d"), array("d")))
                steps.append(row["step"])
                values.append(value)

    def _train_curve(self, key: str) -> dict[str, list[float | None]]:
        steps, values = self._train.get(key, (array("d"), array("d")))
        return _curve(*thinned(steps, values), key)

    def _heldout_curve(self, key: str) -> dict[str, list[float | None]]:
        rows = [row for row in self._heldout if key in row]
        return _curve([row["step"] for row in rows], [row[key] for row in rows], key)


def thinned(
    steps: Sequence[float], values: Sequence[float], most: int = MOST_POINTS
) -> tuple[list[float], list[float]]:
    """Returns a curve of at most ``most`` points, each the mean of the finite values of a block of neighbours.

    Example:
        >>> thinned([1, 2, 3, 4], [1.0, 3.0, 5.0, math.nan], most=2)
        ([1.5, 3.5], [2.0, 5.0])
    """
    if len(steps) <= most:
        return list(steps), list(values)
    blocks = np.array_split(np.arange(len(steps)), most)
    every_step, every_value = np.asarray(steps), np.asarray(values)
    finite = [block[np.isfinite(every_value[block])] for block in blocks]
    means = [float(every_value[block].mean()) if block.size else math.nan for block in finite]
    return [float(every_step[block].mean()) for block in blocks], means


def _curve(steps: Sequence[float], values: Sequence[float], key: str) -> dict[str, list[float | None]]:
    return {"steps": list(steps), "values": [_shown(value, key) for value in values]}


def _shown(value: float, key: str) -> float | None:
    """Returns a value in the unit of its name; None for one that is not finite, which JSON does not have."""
    return value * metric_factor(key) if math.isfinite(value) else None
