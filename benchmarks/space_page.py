"""The section of docs/results.md on space: the tables of `benchmarks.space` that are kept in benchmarks/results/space."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.space_data import REAL, SYNTHETIC
from benchmarks.space_intervals import RATIO, summary

FOLDER = "space"

LEAD = """\
For each seed some people are held out, a tiny encoder is pretrained on the others with one thread, and the held-out scans are
measured as `orienteer observe` measures them. Error of the predicted gaps over that of predicting zero, with the 95 % interval
by resampling seeds and scans; other columns are means over seeds, with the lowest and the highest seed. Processor minutes are
those of the whole pretraining, loading included, on a busy machine: they vary by a third. `earlier-default` is the default of
0.1.0, with today's window and voxel size."""

COLUMNS = (
    ("gaps within 90 % bars", "coverage90"),
    ("rank of bars, places", "error_bar_rank_places"),
    ("rank of bars, scans", "error_bar_rank_scans"),
    ("rank of cosine and mm", "cosine_rank"),
    ("faults named first", "faults_named"),
    ("faults in the set", "faults_in_set"),
    ("faults distinguishable", "faults_distinguishable"),
    ("of these named first", "distinguishable_named"),
    ("sound scans flagged", "sound_flagged"),
)
"""Heading and key of the columns after the ratio."""


def space_section(tables: Path) -> str:
    """Returns the section; empty where no table is kept.

    Args:
        tables: the folder of all kept tables.
    """
    rows = [_row(*key, seeds) for key, seeds in _together(tables / FOLDER).items()]
    if not rows:
        return ""
    head = ("scans", "method", "gap error / trivial", *(name for name, _ in COLUMNS), "seeds", "steps", "processor min")
    command = "python -m benchmarks.space --data DATA --seeds 3 --first-seed 1 --minutes M --json FILE"
    return f"## Space on held-out scans\n\n{LEAD}\n\n{_table(head, rows)}\n<!-- not run -->\n```bash\n{command}\n```\n"


def _together(folder: Path) -> dict[tuple[str, str, int], list[dict[str, Any]]]:
    """Returns the values of all seeds by collection, method and steps, which may lie in several files."""
    seeds: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    for data in (*SYNTHETIC, *REAL):
        for each in (each for each in kept if data in each and "settings" in each):
            changes = each["settings"]["set"]
            method = each["settings"]["method"] + (f" with `{json.dumps(changes)}`" if changes else "")
            for row in each[data]["by_seed"]:
                seeds.setdefault((data, method, row["steps"]), []).append(row)
    return {key: sorted(rows, key=lambda row: int(row["seed"])) for key, rows in seeds.items()}


def _row(data: str, method: str, steps: int, seeds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    values = summary(seeds)
    ratio, interval = values[RATIO], (values["interval95"] or {}).get(RATIO)
    first = (
        "" if ratio is None else f"**{ratio:.3f}**" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
    )
    cells = [_cell(values[key], values["ranges"][key]) for _, key in COLUMNS]
    minutes = sum(row["cpu_seconds"] for row in seeds) / len(seeds) / 60
    numbers = ", ".join(str(row["seed"]) for row in seeds)
    return (data, method, first, *cells, numbers, str(steps), f"{minutes:.1f}")


def _cell(mean: float | None, ends: Sequence[float] | None) -> str:
    if mean is None:
        return ""
    return f"{mean:.2f}" + (f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends and ends[0] != ends[1] else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"
