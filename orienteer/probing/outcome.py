"""The outcome of a probe: scores of the model and its baselines, as a table, a picture and results.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orienteer.draw.figures import full_png, new_figure
from orienteer.draw.plots import bars_against

FEATURES, RANDOM = "frozen features", "random weights"
"""What the model is fitted on: the features of the run, and those of the same network with random weights."""

Bars = Mapping[str, Mapping[str, float]]
"""Scores by name, for the features of the run first, then for random weights and the baseline."""


@dataclass(frozen=True)
class ProbeOutcome:
    """The outcome of a probe.

    Attributes:
        summary: of summary.json.
        bars: scores by name, for each model.
        picture: the same as a PNG.
        rows: head and rows of results.csv.
        warning: about test scans that pretraining saw; or an empty text.
    """

    summary: dict[str, Any]
    bars: Bars
    picture: bytes
    rows: tuple[list[str], list[list[str]]]
    warning: str


def dice_bars(means: Mapping[str, Any]) -> dict[str, float]:
    """Returns the mean Dice and that of each class, without the classes that cannot be scored.

    Example:
        >>> dice_bars({"dice_mean": 0.5, "dice": {"front": 0.5, "back": None}})
        {'mean': 0.5, 'front': 0.5}
    """
    values = {"mean": means["dice_mean"], **means["dice"]}
    return {name: value for name, value in values.items() if value is not None}


def bars_table(bars: Bars) -> str:
    """Returns the scores as a table, one line per model.

    Example:
        >>> print(bars_table({"frozen features": {"mean": 0.5}, "majority map": {}}))
                                              mean
        frozen features                      0.500
        majority map                             -
    """
    names = list(dict.fromkeys(name for scores in bars.values() for name in scores))
    width = max(20, *(len(model) + 2 for model in bars))
    lines = [" " * width + "".join(f"{name.replace('_', ' ')[:20]:>22}" for name in names)]
    for model, scores in bars.items():
        lines.append(f"{model:<{width}}" + "".join(f"{_cell(scores.get(name)):>22}" for name in names))
    return "\n".join(lines)


def dice_picture(bars: Bars, title: str) -> bytes:
    """Returns a PNG: the Dice of the run's features as bars, beside those of the others."""
    baselines = {model: scores for model, scores in bars.items() if model != FEATURES}
    figure = new_figure(300 + 150 * len(bars[FEATURES]), 420)
    axes = figure.subplots()
    bars_against(axes, bars[FEATURES], baselines, "Dice")
    axes.set_ylim(0, 1.12)
    figure.suptitle(title, fontsize=10)
    return full_png(figure)


def dice_table(
    cases: Sequence[str], dice: Mapping[str, Sequence[np.ndarray]], classes: Mapping[int, str]
) -> tuple[list[str], list[list[str]]]:
    """Returns head and rows of results.csv of a segmentation, one row per test case, empty where a class cannot be scored.

    Args:
        cases: names of the test cases.
        dice: of each model, for every case, of each foreground class.
        classes: names by label value, background first.
    """
    head = ["case", *(f"dice {name}, {model}" for model in dice for name in list(classes.values())[1:])]
    rows = []
    for place, case in enumerate(cases):
        values = [value for scores in dice.values() for value in scores[place]]
        rows.append([case, *("" if np.isnan(value) else f"{value:.4f}" for value in values)])
    return head, rows


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
