"""What a fine-tuning leaves to look at: results.csv, the test part of summary.json, a table, and pictures."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.draw.figures import new_figure
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.draw.slices import in_plane, three_slices
from orienteer.files import write_bytes, write_text
from orienteer.labelled.geometry import Geometry
from orienteer.scans.index import Failure
from orienteer.scoring.segmentation_metrics import CaseScores, mean

RESULTS_FILE, FAILURES_FILE = "results.csv", "failures.csv"


def summary_of_scores(scores: Mapping[str, CaseScores], classes: Mapping[int, str]) -> dict[str, Any]:
    """Returns the test part of summary.json: means over cases per class, and means over classes.

    Example:
        >>> scores = {"a": CaseScores((0.5, 1.0), (2.0, 1.0)), "b": CaseScores((1.0, math.nan), (0.0, math.nan))}
        >>> figures = summary_of_scores(scores, {0: "background", 1: "front", 2: "back"})
        >>> figures["dice_mean"], figures["dice"], figures["hd95_mm"]
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


def results_table(test: Mapping[str, Any]) -> str:
    """Returns the test figures as a table.

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
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["case", "dice_mean", *(f"dice {n}" for n in names), *(f"hd95_mm {n}" for n in names)])
    for case, score in scores.items():
        values = [score.dice_mean, *score.dice, *score.hd95_mm]
        rows.writerow([case, *("" if math.isnan(value) else f"{value:.4f}" for value in values)])
    write_text(folder / RESULTS_FILE, text.getvalue())


def write_failures(folder: Path, failures: Sequence[Failure]) -> None:
    """Writes failures.csv: every case that was set aside, at which step, why, and what to do."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["case", "step", "reason", "what to do"])
    rows.writerows([item.name, item.step, item.reason, item.do] for item in failures)
    write_text(folder / FAILURES_FILE, text.getvalue())


def chosen_cases(scores: Mapping[str, CaseScores]) -> dict[str, str]:
    """Returns the best, the median and the worst case by mean Dice.

    Example:
        >>> chosen_cases({name: CaseScores((dice,), (0.0,)) for name, dice in zip("abc", (0.5, 0.9, 0.7))})
        {'best': 'b', 'median': 'c', 'worst': 'a'}
    """
    ranked = sorted(
        (name for name in scores if not math.isnan(scores[name].dice_mean)), key=lambda n: -scores[n].dice_mean
    )
    if not ranked:
        return {}
    return {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}


def draw_case(
    path: Path, title: str, image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, grid: Geometry
) -> None:
    """Writes a picture of three slices of a prepared scan, with the outlines of the truth and of the prediction.

    Args:
        image: voxels in [-1, 1], array order.
        truth: class numbers on the same grid.
        predicted: class numbers on the same grid.
        grid: where it lies.
    """
    figure = new_figure(1100, 480)
    middle = _middle(truth if truth.any() else predicted)
    x, y, z = grid.origin_lps_mm
    every = three_slices(figure, image, middle, grid.spacing_mm, (-x, -y, z), (-1.0, 1.0))
    for axis, axes in enumerate(every):
        for labels, colour in ((truth, TRUE), (predicted, PREDICTED)):
            _outline(axes, np.take(labels, middle[axis], axis=axis), axis, grid, colour)
    every[0].plot([], [], color=TRUE, label="truth")
    every[0].plot([], [], color=PREDICTED, label="prediction")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())


def _outline(axes: Any, labels: np.ndarray, axis: int, grid: Geometry, colour: str) -> None:
    across, up = in_plane(axis)
    x, y, z = grid.origin_lps_mm
    origin = (-x, -y, z)
    places = [origin[a] + np.arange(grid.size[a]) * grid.spacing_mm[a] for a in (across, up)]
    for number in np.unique(labels):
        if number and min(labels.shape) > 1:
            axes.contour(*places, (labels == number).T.astype(float), levels=[0.5], colors=[colour], linewidths=1.2)


def _middle(labels: np.ndarray) -> tuple[int, int, int]:
    """Returns the voxel whose three slices show the most of the labels; the middle where there are none."""
    if not labels.any():
        return labels.shape[0] // 2, labels.shape[1] // 2, labels.shape[2] // 2
    most = [
        int(np.argmax((labels > 0).sum(axis=tuple(other for other in range(3) if other != axis)))) for axis in range(3)
    ]
    return most[0], most[1], most[2]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
