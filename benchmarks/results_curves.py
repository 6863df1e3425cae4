"""Curves of pretraining on held-out scans: the metrics of a comparison's runs, as a small table and a picture."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.rows import read_rows
from orienteer.comparison.plan.cell import PRETRAIN
from orienteer.comparison.results.table import TABLE_FILE
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import BLUE, GREY
from orienteer.files import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {
    "gap_error_mm": "gap error, mm",
    "place_in_scan_error_mm": "error of places, mm",
    "place_error_mm": "error of places, mm",
    "unrestored_share": "share not restored",
    "base_accuracy": "nearest base right",
    "partner_accuracy": "partner right",
    "order_accuracy": "order right",
}
"""What is drawn of a method, with its title: the first of these that its runs have."""

COLUMNS = ("method", "seed", "step", "figure", "value", "trivial")
"""Of the table: the fields of `Point`."""

MOST_ACROSS = 4


class Point(NamedTuple):
    """A metric on held-out scans at a step, and that of its baseline; NaN where it has none."""

    method: str
    seed: int
    step: int
    metric: str
    value: float
    baseline: float


def collect(folder: Path) -> list[Point]:
    """Returns the points of all pretrainings of a comparison's folder."""
    rows = [row for row in read_rows(folder / TABLE_FILE) if row["downstream"] == PRETRAIN]
    runs = dict.fromkeys((row["method"], int(row["seed"]), row["config_hash"]) for row in rows)
    return [point for run in runs for point in _points_of_run(folder, *run)]


def write_curves(points: Iterable[Point], to: Path) -> None:
    """Writes the table."""
    write_csv(to, COLUMNS, ((*point[:4], f"{point.value:.5g}", f"{point.baseline:.5g}") for point in points))


def read_curves(path: Path) -> list[Point]:
    """Returns the points of a table; none where there is no table."""
    rows = [[row[column] for column in COLUMNS] for row in read_rows(path)]
    return [
        Point(method, int(seed), int(step), metric, float(value), float(baseline))
        for method, seed, step, metric, value, baseline in rows
    ]


def draw_curves(points: Sequence[Point]) -> bytes:
    """Returns a PNG with one small plot per method: a line per seed, the baseline dashed."""
    methods = list(dict.fromkeys(point.method for point in points))
    across = min(MOST_ACROSS, len(methods))
    down = math.ceil(len(methods) / across)
    drawn = new_figure(240 * across, 210 * down)
    panels = drawn.subplots(down, across, squeeze=False).ravel()
    for axes, method in zip(panels, methods, strict=False):
        _draw_method(axes, [point for point in points if point.method == method])
    for axes in panels[len(methods) :]:
        axes.set_visible(False)
    return to_png(drawn)


def _draw_method(axes: "Axes", points: Sequence[Point]) -> None:
    by_seed: dict[int, list[Point]] = defaultdict(list)
    for point in points:
        by_seed[point.seed].append(point)
    for seed in by_seed.values():
        axes.plot([point.step for point in seed], [point.value for point in seed], color=BLUE, linewidth=1.2, alpha=0.8)
    baseline = [point.baseline for point in points if not math.isnan(point.baseline)]
    if baseline:
        axes.axhline(sum(baseline) / len(baseline), color=GREY, linestyle="--", linewidth=1.0)
    axes.set_ylim(bottom=0)
    axes.set_title(f"{points[0].method}: {METRICS[points[0].metric]}", fontsize=7, loc="left")
    axes.tick_params(labelsize=7)
    axes.set_xlabel("step", fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _points_of_run(folder: Path, method: str, seed: int, run: str) -> list[Point]:
    file = folder / "runs" / run / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    rows = [row for row in rows if row["part"] == "heldout"]
    metric = next((name for name in METRICS if rows and name in rows[-1]), None)
    if metric is None:
        return []
    baseline = f"{metric}_trivial"
    return [Point(method, seed, row["step"], metric, row[metric], row.get(baseline, math.nan)) for row in rows]
