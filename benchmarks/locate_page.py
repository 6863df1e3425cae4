"""The section of docs/results.md on places in other scans: what `benchmarks.locate` measured, in benchmarks/results/locate."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import averaged
from benchmarks.space_data import REAL

FOLDER = "locate"
COLLECTIONS = (*REAL, "hard-phantoms")

LEAD = """\
Landmarks are the centroids of the labels that no border of a scan cuts: 13 organs of the abdomen, 21 structures of the brain.
Every place of one held-out scan is found in another, by a run that was trained on neither. Errors in mm, means over seeds;
with one seed, the mean has its 95 % interval by resampling scans. Below `orienteer locate` stands what can be had without it;
registration is by SimpleITK."""


def locate_section(tables: Path) -> str:
    """Returns the section; empty where no table is kept.

    Args:
        tables: the folder of all kept tables.
    """
    parts = [_part(data, rows) for data, rows in _by_collection(tables / FOLDER).items() if rows]
    if not parts:
        return ""
    command = "python -m benchmarks.locate --data DATA --run RUN --first-seed SEED --json FILE"
    return (
        f"## Places in other scans\n\n{LEAD}\n\n" + "\n".join(parts) + f"\n<!-- not run -->\n```bash\n{command}\n```\n"
    )


def _by_collection(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns the values of every seed by collection; each seed lies in a file of its own, or several together."""
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {
        data: sorted(
            (row for each in kept if data in each for row in each[data]["by_seed"]), key=lambda row: row["seed"]
        )
        for data in COLLECTIONS
    }


def _part(data: str, rows: Sequence[dict[str, Any]]) -> str:
    mean = averaged(rows)
    seeds = ", ".join(str(row["seed"]) for row in rows)
    first = f"### {data}, seed{'s' if len(rows) > 1 else ''} {seeds}"
    interval = f" [{', '.join(f'{value:g}' for value in rows[0]['interval_mm'])}]" if len(rows) == 1 else ""
    lines = [
        "| method | median | mean | 90 % of the errors below | within error bars | processor s a pair | pairs a seed |",
        "|---|---|---|---|---|---|---|",
        _line("**orienteer locate**", mean, mean["coverage90"], mean["seconds_per_scan"], mean["pairs"], interval),
    ]
    if mean.get("registered_pairs"):
        pairs = mean["baselines"]["affine registration"]["pairs"]
        lines.append(_line("on the registered pairs", mean["registered_pairs"], pairs=pairs))
    if mean.get("three_templates"):
        lines.append(_line("three templates", mean["three_templates"], mean["three_templates"]["coverage90"]))
    for name, values in mean["baselines"].items():
        lines.append(_line(name, values, None, values["seconds"], values["pairs"]))
    return "\n".join([first, "", *lines, "", *_sentences(mean)]) + "\n"


def _line(
    name: str, values: Mapping[str, Any], coverage: float | None = None, seconds: float | None = None,
    pairs: float | None = None, interval: str = "",
) -> str:  # fmt: skip
    """Returns a row of the table; what was not measured is left empty."""
    errors = f"{values['median_mm']:.1f} | {values['mean_mm']:.1f}{interval} | {values['p90_mm']:.1f}"
    cells = (f"{coverage:.2f}" if coverage is not None else "", f"{seconds:.2f}" if seconds is not None else "")
    return f"| {name} | {errors} | {' | '.join(cells)} | {'' if pairs is None else f'{pairs:.0f}'} |"


def _sentences(mean: Mapping[str, Any]) -> list[str]:
    lines = []
    if mean.get("over_affine") is not None:
        lines.append(f"Mean error over that of affine registration, on the same pairs: **{mean['over_affine']:.2f}**.")
    if mean.get("outside_recall") is not None:
        lines.append(
            f"Of {mean['cut_away']:.0f} places that were cut away {100 * mean['outside_recall']:.0f} % are called outside the"
            f" field of view, of {mean['left']:.0f} that were left {100 * mean['outside_false']:.0f} %."
        )
    again = mean.get("same_person")
    if again:
        lines.append(
            f"The same person again ({again['pairs']:g} pairs, {again['places']:g} places of a lattice, against rigid"
            f" registration): median {again['median_mm']:.1f}, mean {again['mean_mm']:.1f} mm; same coordinates"
            f" {again['same_coordinates_mm']:.1f} mm."
        )
    lines.append(f"Features of one scan take {mean['feature_seconds']:.1f} s of one processor.")
    return lines
