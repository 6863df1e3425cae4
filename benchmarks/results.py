"""Collects the tables of comparisons and writes docs/results.md from all of them.

``python -m benchmarks.results add OUT --as NAME`` copies what is worth keeping of a comparison's folder into
benchmarks/results/NAME: the summary, what it was made of, its settings, its cost. No scan, no weight, no path.
``python -m benchmarks.results write`` makes docs/results.md, and a picture of curves for each. The same tables give the
same page.
"""

import argparse
import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results_curves import Point, collect, draw_curves, read_curves, write_curves
from orienteer.comparison.results.summary import SUMMARY_FILE, Line, read_summary_table

ROOT = Path(__file__).parents[1]
TABLES, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "results.md"
ABOUT_FILE, SETTINGS_FILE, COST_FILE, STABILITY_FILE = "about.json", "compare.yaml", "cost.csv", "stability.csv"
CURVES_FILE = "curves.csv"
TRIED_FILE = "tried.yaml"
"""Written by hand: by the number of a goal, what was tried to reach it."""

OF_THE_MACHINE = ("data", "images", "labels", "out", "store", "split", "parallel")
"""Settings that name places of one machine."""


@dataclass(frozen=True)
class Result:
    """What was kept of one comparison.

    Attributes:
        name: of its folder in benchmarks/results.
        about: what one must know of it, as `compare` writes it down.
        lines: the summary.
        cost: processor seconds of one pretraining and of one fine-tuning, by method.
        curves: figures of the pretrainings on held-out scans, step by step.
    """

    name: str
    about: dict[str, Any]
    lines: Sequence[Line]
    cost: dict[str, tuple[float | None, float | None]]
    curves: Sequence[Point] = ()


def add(folder: Path, name: str, tables: Path = TABLES) -> Path:
    """Copies what is worth keeping of a comparison's folder and returns where it lies now."""
    place = tables / name
    place.mkdir(parents=True, exist_ok=True)
    for file in (SUMMARY_FILE, ABOUT_FILE):
        shutil.copyfile(folder / file, place / file)
    settings = yaml.safe_load((folder / SETTINGS_FILE).read_text())
    kept = {key: value for key, value in settings.items() if key not in OF_THE_MACHINE}
    (place / SETTINGS_FILE).write_text(yaml.safe_dump(kept, sort_keys=False))
    _write_cost(folder / "results.csv", place / COST_FILE)
    if points := collect(folder):
        write_curves(points, place / CURVES_FILE)
    return place


def read_results(tables: Path = TABLES) -> list[Result]:
    """Returns all comparisons that were kept, by name."""
    found = []
    for place in sorted(path.parent for path in tables.glob(f"*/{SUMMARY_FILE}")):
        about = json.loads((place / ABOUT_FILE).read_text())
        lines, cost = read_summary_table(place / SUMMARY_FILE), _read_cost(place / COST_FILE)
        found.append(Result(place.name, about, lines, cost, read_curves(place / CURVES_FILE)))
    return found


def write(tables: Path = TABLES, page: Path = PAGE) -> Path:
    """Writes the page and its pictures."""
    from benchmarks.results_page import curves_picture, make_page, picture_name, pretraining_picture_name

    results = read_results(tables)
    (page.parent / "img").mkdir(parents=True, exist_ok=True)
    for result in results:
        drawn = curves_picture(result)
        if drawn is not None:
            (page.parent / "img" / picture_name(result)).write_bytes(drawn)
        if result.curves:
            (page.parent / "img" / pretraining_picture_name(result)).write_bytes(draw_curves(result.curves))
    page.write_text(make_page(results, read_stability(tables), read_tried(tables)))
    return page


def read_stability(tables: Path = TABLES) -> list[dict[str, str]]:
    """Returns the rows of the stability table; none where it was not measured."""
    path = tables / STABILITY_FILE
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def read_tried(tables: Path = TABLES) -> dict[str, str]:
    """Returns what was tried to reach each goal, by its number."""
    path = tables / TRIED_FILE
    return (
        {str(number): " ".join(text.split()) for number, text in yaml.safe_load(path.read_text()).items()}
        if path.is_file()
        else {}
    )


def _write_cost(table: Path, to: Path) -> None:
    """Boils the tidy table down to the mean processor seconds of a cell."""
    seen: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    with open(table, newline="") as file:
        for row in csv.DictReader(file):
            kind = {"pretrain": "pretrain_seconds", "finetune": "finetune_seconds"}.get(row["downstream"])
            if kind and row[kind]:
                seen[row["method"]][kind][row["config_hash"]] = float(row[kind])
    lines = ["method,pretrain_seconds,finetune_seconds"]
    for method, by in seen.items():
        means = [f"{sum(v.values()) / len(v):.1f}" if (v := by[f"{kind}_seconds"]) else "" for kind in _KINDS]
        lines.append(",".join([method, *means]))
    to.write_text("\n".join(lines) + "\n")


_KINDS = ("pretrain", "finetune")


def _read_cost(path: Path) -> dict[str, tuple[float | None, float | None]]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = [[float(row[f"{kind}_seconds"]) if row[f"{kind}_seconds"] else None for kind in _KINDS] for row in rows]
    return {row["method"]: (before, after) for row, (before, after) in zip(rows, seconds, strict=True)}


def main() -> None:
    """Adds a comparison, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="keep the tables of a comparison")
    adding.add_argument("folder", type=Path, help="folder that orienteer compare or ablate wrote")
    adding.add_argument("--as", dest="name", required=True, help="how to call it")
    commands.add_parser("write", help="make docs/results.md")
    given = parser.parse_args()
    print(add(given.folder, given.name) if given.command == "add" else write())


if __name__ == "__main__":
    main()
