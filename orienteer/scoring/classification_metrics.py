"""Scores of a classification of scans: AUC and balanced accuracy, each with a bootstrap interval over scans."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

RESAMPLES = 1000
"""Resamples of the test scans behind each interval."""

COVERAGE = 0.95
"""Share of the resamples within an interval."""


def scan_scores(
    true: Int[np.ndarray, " scans"],
    probabilities: Float[np.ndarray, "scans classes"],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Returns AUC and balanced accuracy with intervals, and how many scans and resamples are behind them.

    Intervals are percentiles over resamples of the scans with replacement. A resample that lacks a class of the test
    scans has no AUC; it is drawn again. Where the test scans are all of one class, the AUC is None.

    Args:
        true: class index of each scan.
        probabilities: of each class.

    Example:
        >>> scores = scan_scores(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]))
        >>> scores["auc"], scores["balanced_accuracy"]
        (0.75, 0.75)
    """
    rng, present = np.random.default_rng(seed), np.unique(true)
    samples = [_resample(rng, true, len(present)) for _ in range(resamples)]
    accuracies = [balanced_accuracy(true[sample], probabilities[sample]) for sample in samples]
    scores: dict[str, Any] = {"scans": len(true), "resamples": resamples}
    scores["auc"], scores["auc_interval"] = None, None
    if len(present) > 1:
        scores["auc"] = auc(true, probabilities)
        scores["auc_interval"] = _interval([auc(true[sample], probabilities[sample]) for sample in samples])
    scores["balanced_accuracy"] = balanced_accuracy(true, probabilities)
    scores["balanced_accuracy_interval"] = _interval(accuracies)
    return scores


def auc(true: Int[np.ndarray, " scans"], probabilities: Float[np.ndarray, "scans classes"]) -> float:
    """Returns the area under the ROC curve; for several classes the mean of each against the rest.

    A class that no scan has is left out of the mean. Ties count one half.
    """
    classes = [1] if probabilities.shape[1] == 2 else [int(label) for label in np.unique(true)]
    return float(np.mean([_area(true == label, probabilities[:, label]) for label in classes]))


def balanced_accuracy(true: Int[np.ndarray, " scans"], probabilities: Float[np.ndarray, "scans classes"]) -> float:
    """Returns the mean over classes of the share of their scans that are recognised."""
    right = probabilities.argmax(1) == true
    return float(np.mean([right[true == label].mean() for label in np.unique(true)]))


def _area(positive: np.ndarray, score: np.ndarray) -> float:
    """The share of pairs of a positive and a negative in which the positive scores higher (Mann-Whitney U)."""
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    return float((rankdata(score)[positive].sum() - positives * (positives + 1) / 2) / pairs)


def _resample(rng: np.random.Generator, true: np.ndarray, classes: int) -> np.ndarray:
    while True:
        sample = rng.integers(0, len(true), len(true))
        if len(np.unique(true[sample])) == classes:
            return sample


def _interval(values: list[float]) -> list[float]:
    low, high = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return [float(low), float(high)]
