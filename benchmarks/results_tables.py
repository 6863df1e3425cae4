"""The tables of comparisons that are kept in benchmarks/results: a comparison's folder in, no scan, weight or path with it."""

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results_curves import Point, collect, read_curves, write_curves
from benchmarks.rows import read_rows
from orienteer.comparison.config import CONFIG_FILE
from orienteer.comparison.results.about import ABOUT_FILE
from orienteer.comparison.results.summary import SUMMARY_FILE, Line, read_summary_table
from orienteer.comparison.results.table import TABLE_FILE
from orienteer.files import write_csv, write_text

TABLES = Path(__file__).parent / "results"
COST_FILE, CURVES_FILE, STABILITY_FILE = "cost.csv", "curves.csv", "stability.csv"
TRIED_FILE = "tried.yaml"
"""Written by hand: what was tried to reach each goal, by the goal's number."""

OF_THE_MACHINE = ("data", "images", "labels", "out", "store", "split", "parallel")
"""Settings that depend on the machine."""

COSTS = {"pretrain": "pretrain_seconds", "finetune": "finetune_seconds"}
"""Columns of the cost, by kind of cell."""


@dataclass(frozen=True)
class Result:
    """What is kept of one comparison.

    Attributes:
        name: of its folder in benchmarks/results.
        about: its about.json.
        lines: the summary.
        cost: processor seconds of one pretraining and of one fine-tuning, by method.
        curves: metrics of the pretrainings on held-out scans, step by step.
    """

    name: str
    about: dict[str, Any]
    lines: Sequence[Line]
    cost: dict[str, tuple[float | None, float | None]]
    curves: Sequence[Point] = ()


def add(folder: Path, name: str, tables: Path = TABLES) -> Path:
    """Keeps a comparison's tables and returns their folder."""
    place = tables / name
    place.mkdir(parents=True, exist_ok=True)
    for file in (SUMMARY_FILE, ABOUT_FILE):
        shutil.copyfile(folder / file, place / file)
    settings = yaml.safe_load((folder / CONFIG_FILE).read_text())
    kept = {key: value for key, value in settings.items() if key not in OF_THE_MACHINE}
    write_text(place / CONFIG_FILE, yaml.safe_dump(kept, sort_keys=False))
    _write_cost(folder / TABLE_FILE, place / COST_FILE)
    if points := collect(folder):
        write_curves(points, place / CURVES_FILE)
    return place


def read_results(tables: Path = TABLES) -> list[Result]:
    """Returns all comparisons that are kept, by name."""
    return [_read_result(path.parent) for path in sorted(tables.glob(f"*/{SUMMARY_FILE}"))]


def read_stability(tables: Path = TABLES) -> list[dict[str, str]]:
    """Returns the rows of the stability table; none where it was not measured."""
    return read_rows(tables / STABILITY_FILE)


def read_tried(tables: Path = TABLES) -> dict[str, str]:
    """Returns what was tried to reach each goal, by its number."""
    path = tables / TRIED_FILE
    texts = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return {str(number): " ".join(text.split()) for number, text in texts.items()}


def _read_result(place: Path) -> Result:
    about = json.loads((place / ABOUT_FILE).read_text())
    lines, cost = read_summary_table(place / SUMMARY_FILE), _read_cost(place / COST_FILE)
    return Result(place.name, about, lines, cost, read_curves(place / CURVES_FILE))


def _write_cost(table: Path, to: Path) -> None:
    """Reduces the tidy table to the mean processor seconds of a cell, by method; a cell with many rows counts once."""
    seconds: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in read_rows(table):
        column = COSTS.get(row["downstream"])
        if column and row[column]:
            seconds[row["method"]][column][row["config_hash"]] = float(row[column])
    rows = [[method, *(_mean(by_column[column]) for column in COSTS.values())] for method, by_column in seconds.items()]
    write_csv(to, ["method", *COSTS.values()], rows)


def _mean(seconds: Mapping[str, float]) -> str:
    return f"{sum(seconds.values()) / len(seconds):.1f}" if seconds else ""


def _read_cost(path: Path) -> dict[str, tuple[float | None, float | None]]:
    costs = {}
    for row in read_rows(path):
        before, after = (float(row[column]) if row[column] else None for column in COSTS.values())
        costs[row["method"]] = before, after
    return costs
