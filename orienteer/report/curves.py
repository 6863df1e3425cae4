"""Learning curves and pictures over the training steps, read from a run folder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.plots import learning_curves
from orienteer.report.metrics import Metric, readable, with_baselines
from orienteer.runs.metrics_log import METRICS_FILE, read_lines
from orienteer.runs.plateau import plateau

COLUMNS = 3
"""Curves side by side."""

NO_METRICS = {"step", "part", "loss"}
"""Keys of metrics.jsonl that are not drawn."""

Row = Mapping[str, Any]

Strip = tuple[tuple[int, bytes], ...]
"""PNG files of the same views at several training steps."""


@dataclass(frozen=True)
class LearningCurves:
    """Metrics on held-out scans over the training steps.

    Attributes:
        png: the curves.
        last: the metrics at the end.
        hint: in words, when to stop; None if that cannot be determined.
    """

    png: bytes
    last: tuple[Metric, ...]
    hint: str | None


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Returns the lines of metrics.jsonl; damaged ones are left out, a missing file has no lines."""
    return read_lines(folder / METRICS_FILE)


def draw_curves(rows: Sequence[Row]) -> LearningCurves | None:
    """Returns the held-out metrics over the steps, with the levels of their baselines; None if there are none."""
    heldout = [row for row in rows if row.get("part") == "heldout"]
    if not heldout:
        return None
    last = with_baselines({key: value for key, value in heldout[-1].items() if key not in NO_METRICS})
    lines = -(-len(last) // COLUMNS)
    figure = new_figure(1300, 330 * lines)
    panels = np.atleast_1d(figure.subplots(lines, COLUMNS)).ravel()
    steps = np.array([row["step"] for row in heldout], float)
    for axes, metric in zip(panels, last, strict=False):
        curve = np.array([readable(metric.key, row.get(metric.key, float("nan")))[1] for row in heldout])
        learning_curves(axes, steps, {metric.name: curve}, metric.baselines, metric.unit)
    for axes in panels[len(last) :]:
        axes.set_visible(False)
    hint = plateau([int(row["step"]) for row in heldout], [row["loss"] for row in heldout])
    return LearningCurves(to_png(figure), tuple(last), hint.words if hint else None)


def over_time(folder: Path) -> dict[str, Strip]:
    """Returns the pictures of the first, a middle and the last validation with their steps, by task and scan.

    All of them show the same held-out views. A run without pictures has none.
    """
    files: dict[str, dict[int, Path]] = {}
    for path in sorted((folder / "pictures").glob("step_*.png")):
        match = re.fullmatch(r"step_(\d+)_(.+?)(?:_scan_(\d+))?", path.stem)
        if match:
            name = match[2] if match[3] is None else f"{match[2]}, scan {match[3]}"
            files.setdefault(name, {})[int(match[1])] = path
    strips = {}
    for name, pictures in sorted(files.items()):
        steps = sorted(pictures)
        chosen = sorted({steps[0], steps[len(steps) // 2], steps[-1]})
        strips[name] = tuple((step, pictures[step].read_bytes()) for step in chosen)
    return strips
