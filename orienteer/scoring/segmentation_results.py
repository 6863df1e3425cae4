"""Results of a segmentation: the test part of summary.json, a table, and results.csv."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from orienteer.files import write_csv
from orienteer.scoring.segmentation_metrics import CaseScores, mean, mean_dice

RESULTS_FILE = "results.csv"


def summary_of_scores(scores: Mapping[str, CaseScores], classes: Mapping[int, str]) -> dict[str, Any]:
    """Returns the test part of summary.json: means over cases per class, and means over classes.

    Example:
        >>> scores = {"a": CaseScores((0.5, 1.0), (2.0, 1.0)), "b": CaseScores((1.0, math.nan), (0.0, math.nan))}
        >>> summary = summary_of_scores(scores, {0: "background", 1: "front", 2: "back"})
        >>> summary["dice_mean"], summary["dice"], summary["hd95_mm"]
        (0.875, {'front': 0.75, 'back': 1.0}, 1.0)
    """
    names = list(classes.values())[1:]
    dice = {name: mean([score.dice[c] for score in scores.values()]) for c, name in enumerate(names)}
    hd95 = {name: mean([score.hd95_mm[c] for score in scores.values()]) for c, name in enumerate(names)}
    scored = {name: sum(not math.isnan(score.dice[c]) for score in scores.values()) for c, name in enumerate(names)}
    missed = {
        name: sum(score.dice[c] == 0 and math.isnan(score.hd95_mm[c]) for score in scores.values())
        for c, name in enumerate(names)
    }
    return {
        "dice_mean": _number(mean(list(dice.values()))),
        "dice": {name: _number(value) for name, value in dice.items()},
        "hd95_mm": _number(mean(list(hd95.values()))),
        "hd95_mm_per_class": {name: _number(value) for name, value in hd95.items()},
        "cases": len(scores),
        "cases_with_class": scored,
        "cases_without_hd95": missed,
    }


def dice_by_class(scores: Sequence[Float64[np.ndarray, " foreground"]], classes: Mapping[int, str]) -> dict[str, Any]:
    """Returns ``dice_mean`` and ``dice`` by class name, means over cases; None for a class that no test case has.

    Args:
        scores: Dice of each foreground class, for every case.
        classes: names by label value, background first.

    Example:
        >>> dice_by_class([np.array([0.5, np.nan]), np.array([1.0, np.nan])], {0: "background", 1: "front", 2: "back"})
        {'dice_mean': 0.75, 'dice': {'front': 0.75, 'back': None}}
    """
    means = mean_dice(scores).tolist()
    by_name = {
        name: None if math.isnan(value) else value
        for name, value in zip(list(classes.values())[1:], means, strict=True)
    }
    known = [value for value in by_name.values() if value is not None]
    return {"dice_mean": float(np.mean(known)) if known else None, "dice": by_name}


def results_table(test: Mapping[str, Any]) -> str:
    """Returns the test scores as a table.

    Example:
        >>> test = {"dice": {"front": 0.9}, "hd95_mm_per_class": {"front": 1.0}, "dice_mean": 0.9, "hd95_mm": 1.0}
        >>> print(results_table(test))
        on test cases                       Dice     HD95 (mm)
        front                              0.900          1.00
        mean                               0.900          1.00
    """
    lines = [f"{'on test cases':<28}{'Dice':>12}{'HD95 (mm)':>14}"]
    rows = [(name, value, test["hd95_mm_per_class"][name]) for name, value in test["dice"].items()]
    for name, dice, hd95 in [*rows, ("mean", test["dice_mean"], test["hd95_mm"])]:
        cells = f"{_cell(dice, 3):>12}{_cell(hd95, 2):>14}"
        lines.append(f"{name[:28]:<28}{cells}")
    return "\n".join(lines)


def write_results(folder: Path, scores: Mapping[str, CaseScores], classes: Mapping[int, str]) -> None:
    """Writes results.csv: one row per test case, empty where a class cannot be scored."""
    names = list(classes.values())[1:]
    rows = [
        [
            case,
            *("" if math.isnan(value) else f"{value:.4f}" for value in (score.dice_mean, *score.dice, *score.hd95_mm)),
        ]
        for case, score in scores.items()
    ]
    head = ["case", "dice_mean", *(f"dice {n}" for n in names), *(f"hd95_mm {n}" for n in names)]
    write_csv(folder / RESULTS_FILE, head, rows)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
