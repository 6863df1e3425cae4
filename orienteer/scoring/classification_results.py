"""Results of a classification of scans: baseline, probabilities per scan, a table of scores, a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from orienteer.draw.figures import full_png, new_figure
from orienteer.draw.plots import bars_against
from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans
from orienteer.scoring.classification_metrics import scan_scores

SCORES = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}
"""The scores, and their names in tables and pictures."""


def labels_of(scans: Sequence[LabelledScan]) -> Int[np.ndarray, " scans"]:
    """Returns the class number of each scan."""
    return np.array([scan.label for scan in scans], dtype=np.int64)


def majority_scores(scans: LabelledScans, seed: int) -> dict[str, Any]:
    """Returns the test scores of the baseline that always predicts the most frequent class of the training scans."""
    count = len(scans.classes)
    most = int(np.bincount(labels_of(scans.training), minlength=count).argmax())
    return scan_scores(labels_of(scans.test), np.tile(np.eye(count)[most], (len(scans.test), 1)), seed)


def predictions_table(
    scans: LabelledScans, scores: Float[np.ndarray, "scans classes"]
) -> tuple[list[str], list[list[str]]]:
    """Returns head and rows of a CSV, one row per test scan: its label, the class with the highest score, all scores."""
    rows = [
        [scan.name, scans.classes[scan.label], scans.classes[int(row.argmax())], *(f"{value:.6g}" for value in row)]
        for scan, row in zip(scans.test, scores, strict=True)
    ]
    return ["scan", "label", "predicted", *(f"score {name}" for name in scans.classes)], rows


def scores_table(scores: Mapping[str, Any]) -> str:
    """Returns the test scores as a table.

    Args:
        scores: from `scan_scores`.

    Example:
        >>> print(scores_table({"scans": 9, "auc": 0.9, "auc_interval": [0.8, 1.0], "balanced_accuracy": 0.75,
        ...     "balanced_accuracy_interval": [0.5, 0.9]}))
        on 9 test scans                         95 % interval
        AUC                          0.900     0.800 to 1.000
        balanced accuracy            0.750     0.500 to 0.900
    """
    title = f"on {scores['scans']} test scans"
    lines = [f"{title:<28}{'95 % interval':>25}"]
    for name, words in SCORES.items():
        value, interval = scores[name], scores[f"{name}_interval"]
        if value is None:
            lines.append(f"{words:<28}{'-':>6}     all test scans are of one class")
        else:
            lines.append(f"{words:<28}{value:>6.3f}     {interval[0]:.3f} to {interval[1]:.3f}")
    return "\n".join(lines)


def scores_picture(scores: Mapping[str, Mapping[str, Any]], title: str) -> bytes:
    """Returns a PNG: the scores of the model as bars with their intervals, beside those of its baselines.

    Args:
        scores: from `scan_scores`, by name of the model; the first is the one that the others are baselines of.
        title: of the picture.
    """
    rows = {
        model: {SCORES[name]: values[name] for name in SCORES if values[name] is not None}
        for model, values in scores.items()
    }
    first, *baselines = rows
    figure = new_figure(600, 420)
    axes = figure.subplots()
    bars_against(axes, rows[first], {model: rows[model] for model in baselines}, "share")
    for place, name in enumerate(name for name in SCORES if scores[first][name] is not None):
        low, high = scores[first][f"{name}_interval"]
        # Right of the centre of the first bar, where its number stands.
        axes.plot([place - 0.4 + 0.7 / len(rows)] * 2, [low, high], color="black", linewidth=1.5)
    axes.set_ylim(0, 1.12)
    figure.suptitle(f"{title}; lines: 95 % interval", fontsize=10)
    return full_png(figure)
