"""Curves of pretraining on held-out scans: what a comparison's runs wrote down, as a small table and a picture."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import BLUE, GREY

FIGURES = {
    "gap_error_mm": "gap error, mm",
    "place_in_scan_error_mm": "error of places, mm",
    "place_error_mm": "error of places, mm",
    "unrestored_share": "share not restored",
    "base_accuracy": "nearest base right",
    "partner_accuracy": "partner right",
    "order_accuracy": "order right",
}
"""What is drawn of a method: the first of these that its runs have, and how it is called."""


class Point(NamedTuple):
    """A figure on held-out scans at a step; the trivial rival is not a number where there is none."""

    method: str
    seed: int
    step: int
    figure: str
    value: float
    trivial: float


def collect(folder: Path) -> list[Point]:
    """Returns the points of all pretrainings of a comparison's folder."""
    with open(folder / "results.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["downstream"] == "pretrain"]
    runs = dict.fromkeys((row["method"], int(row["seed"]), row["config_hash"]) for row in rows)
    return [point for run in runs for point in _of_run(folder, *run)]


def write_curves(points: Iterable[Point], to: Path) -> None:
    """Writes the table."""
    with open(to, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Point._fields)
        writer.writerows((*point[:4], f"{point.value:.5g}", f"{point.trivial:.5g}") for point in points)


def read_curves(path: Path) -> list[Point]:
    """Returns the points of a table; none where there is no table."""
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return [
            Point(row["method"], int(row["seed"]), int(row["step"]), row["figure"], float(row["value"]), float(row["trivial"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def draw_curves(points: Sequence[Point]) -> bytes:
    """Returns a PNG with one small picture per method: a line per seed, the trivial rival dashed."""
    methods = list(dict.fromkeys(point.method for point in points))
    across = min(4, len(methods))
    down = math.ceil(len(methods) / across)
    drawn = new_figure(240 * across, 210 * down)
    places = drawn.subplots(down, across, squeeze=False).ravel()
    for axes, method in zip(places, methods, strict=False):
        mine = [point for point in points if point.method == method]
        by_seed: dict[int, list[Point]] = defaultdict(list)
        for point in mine:
            by_seed[point.seed].append(point)
        for seed in by_seed.values():
            axes.plot(
                [point.step for point in seed], [point.value for point in seed], color=BLUE, linewidth=1.2, alpha=0.8
            )
        trivial = [point.trivial for point in mine if not math.isnan(point.trivial)]
        if trivial:
            axes.axhline(sum(trivial) / len(trivial), color=GREY, linestyle="--", linewidth=1.0)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{method}: {FIGURES[mine[0].figure]}", fontsize=7, loc="left")
        axes.tick_params(labelsize=7)
        axes.set_xlabel("step", fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in places[len(methods) :]:
        axes.set_visible(False)
    return to_png(drawn)


def _of_run(folder: Path, method: str, seed: int, run: str) -> list[Point]:
    file = folder / "runs" / run / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    rows = [row for row in rows if row["part"] == "heldout"]
    figure = next((name for name in FIGURES if rows and name in rows[-1]), None)
    if figure is None:
        return []
    trivial = f"{figure}_trivial"
    return [Point(method, seed, row["step"], figure, row[figure], row.get(trivial, math.nan)) for row in rows]
