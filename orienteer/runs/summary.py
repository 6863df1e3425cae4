"""summary.json: the results of a run, and the table of them that is printed."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypedDict

from orienteer.files import read_json, write_json
from orienteer.runs.plateau import Hint
from orienteer.settings import require

SUMMARY_FILE = "summary.json"

BASELINE = "trivial"
"""How the keys of a baseline's metrics end: ``gap_error_mm_trivial`` is the baseline of ``gap_error_mm``."""


class _Summary(TypedDict):
    heldout: dict[str, Any]  # numbers, NaN among them
    scans: dict[str, int]
    steps: int


def make_summary(
    heldout: Mapping[str, float],
    hint: Hint | None,
    scans: Mapping[str, int],
    steps: int,
    pace: Mapping[str, float],
    seconds: float,
) -> dict[str, Any]:
    """Returns the content of summary.json.

    Args:
        heldout: metrics on the held-out scans, with those of the baselines.
        hint: what the held-out loss did; None without a validation.
        scans: how many were read, failed and left out.
        steps: optimiser steps.
        pace: throughput and memory.
        seconds: duration of the training.
    """
    return {
        "heldout": dict(sorted(heldout.items())),
        "plateau": hint.plain() if hint is not None else None,
        "scans": dict(scans),
        "steps": steps,
        **pace,
        "seconds": round(seconds, 1),
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Writes summary.json."""
    write_json(folder / SUMMARY_FILE, dict(summary))


def read_summary(folder: Path) -> dict[str, Any]:
    """Returns the content of summary.json.

    Raises:
        InputError: no such file, or a damaged one.
    """
    file = folder / SUMMARY_FILE
    summary: dict[str, Any] = read_json(file, _Summary, wanted="the results of a run")
    odd = next((name for name, value in summary["heldout"].items() if type(value) not in (int, float)), None)
    require(odd is None, f"heldout, {odd} in {file}", "a number", summary["heldout"].get(odd), "restore the file")
    return summary


def summary_table(summary: Mapping[str, Any]) -> str:
    """Returns the metrics on held-out scans as a table, next to those of the baselines.

    Example:
        >>> print(summary_table({"heldout": {"gap_error_mm": 40.0, "gap_error_mm_trivial": 150.0, "loss": 1.0}}))
        on held-out scans                  model    baseline
        gap error (mm)                      40.0       150.0
    """
    heldout = summary["heldout"]
    rows = with_baselines(heldout)
    columns = sorted({name for names in rows.values() for name in names}, key=lambda name: (name != BASELINE, name))
    titles = ["model", *("baseline" if name == BASELINE else name for name in columns)]
    lines = [f"{'on held-out scans':<28}" + "".join(f"{title:>12}" for title in titles)]
    for row in rows:
        cells = [_cell(row, heldout.get(key)) for key in (row, *(f"{row}_{name}" for name in columns))]
        lines.append(f"{metric_name(row):<28}" + "".join(f"{cell:>12}" for cell in cells).rstrip())
    return "\n".join(lines)


def is_baseline(key: str, keys: Collection[str]) -> bool:
    """Returns whether a metric is that of a baseline: the name of another metric, followed by that of the baseline.

    Example:
        >>> [is_baseline(key, ["loss", "loss_trivial"]) for key in ("loss", "loss_trivial")]
        [False, True]
    """
    return any(key.startswith(f"{other}_") for other in keys)


def metric_name(key: str) -> str:
    """Returns the name of a metric for people, with its unit.

    Example:
        >>> metric_name("gap_error_mm"), metric_name("near_far_accuracy"), metric_name("cosine_rank")
        ('gap error (mm)', 'near far (%)', 'cosine rank')
    """
    for ending, unit in (("_mm", "mm"), ("_accuracy", "%"), ("_dice", "%")):
        if key.endswith(ending):
            kept = ending if ending == "_dice" else ""
            return f"{(key.removesuffix(ending) + kept).replace('_', ' ')} ({unit})"
    return key.replace("_", " ")


def metric_factor(key: str) -> float:
    """Returns what a metric is multiplied by to have the unit of its name: 100 for shares that are shown in %."""
    return 100.0 if key.endswith(("_accuracy", "_dice")) else 1.0


def with_baselines(heldout: Mapping[str, float]) -> dict[str, list[str]]:
    """Returns the metrics of the table, each with the names of its baselines, the trivial one first.

    Example:
        >>> with_baselines({"gap_error_mm": 40.0, "gap_error_mm_trivial": 150.0, "loss": 1.0, "edge_error_mm": 2.0})
        {'gap_error_mm': ['trivial'], 'edge_error_mm': []}
    """
    rows = [key for key in heldout if _is_row(key, heldout)]
    baselines = {row: [key.removeprefix(f"{row}_") for key in heldout if key.startswith(f"{row}_")] for row in rows}
    return {row: sorted(names, key=lambda name: (name != BASELINE, name)) for row, names in baselines.items()}


def _is_row(key: str, heldout: Mapping[str, float]) -> bool:
    return f"{key}_{BASELINE}" in heldout or (key.endswith("_mm") and not is_baseline(key, heldout))


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * metric_factor(key):.1f}"
