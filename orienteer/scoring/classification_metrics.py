"""Metrics of a classification of scans: AUC and balanced accuracy, each with a bootstrap interval over scans."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy.stats import rankdata

from orienteer.scoring.bootstrap import interval

RESAMPLES = 1000
"""Resamples of the test scans for each interval."""


def scan_scores(
    true: Int[np.ndarray, " scans"],
    probabilities: Float[np.ndarray, "scans classes"],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Returns AUC and balanced accuracy with intervals, and the number of scans and resamples that they are computed from.

    Intervals are percentiles over resamples of the scans with replacement. A resample that lacks a class of the test
    scans has no AUC; it is drawn again. If the test scans are all of one class, the AUC is None.

    Args:
        true: class index of each scan.
        probabilities: of each class.
        seed: of the resampling.
        resamples: how many are drawn.

    Example:
        >>> scores = scan_scores(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]))
        >>> scores["auc"], scores["balanced_accuracy"]
        (0.75, 0.75)
    """
    rng, present = np.random.default_rng(seed), np.unique(true)
    samples = np.stack([_resample(rng, true, len(present)) for _ in range(resamples)])
    scores: dict[str, Any] = {"scans": len(true), "resamples": resamples}
    scores["auc"], scores["auc_interval"] = None, None
    if len(present) > 1:
        scores["auc"] = auc(true, probabilities)
        scores["auc_interval"] = list(interval(_aucs(true, probabilities, samples)))
    scores["balanced_accuracy"] = balanced_accuracy(true, probabilities)
    scores["balanced_accuracy_interval"] = list(interval(_balanced_accuracies(true, probabilities, samples)))
    return scores


def auc(true: Int[np.ndarray, " scans"], probabilities: Float[np.ndarray, "scans classes"]) -> float:
    """Returns the area under the ROC curve; for several classes the mean of each against the rest.

    A class that no scan has is left out of the mean. Ties count one half.
    """
    return float(_aucs(true, probabilities, np.arange(len(true))[None])[0])


def balanced_accuracy(true: Int[np.ndarray, " scans"], probabilities: Float[np.ndarray, "scans classes"]) -> float:
    """Returns the mean over classes of the share of their scans that are classified correctly."""
    return float(_balanced_accuracies(true, probabilities, np.arange(len(true))[None])[0])


def _aucs(
    true: Int[np.ndarray, " scans"],
    probabilities: Float[np.ndarray, "scans classes"],
    samples: Int[np.ndarray, "resamples drawn"],
) -> Float64[np.ndarray, " resamples"]:
    """Returns the AUC of every resample. All of them have the classes of the test scans."""
    classes = [1] if probabilities.shape[1] == 2 else np.unique(true).tolist()
    areas = [_areas((true == label)[samples], probabilities[:, label][samples]) for label in classes]
    means: Float64[np.ndarray, " resamples"] = np.stack(areas, axis=-1).mean(-1)
    return means


def _areas(
    positive: Bool[np.ndarray, "resamples scans"], score: Float[np.ndarray, "resamples scans"]
) -> Float64[np.ndarray, " resamples"]:
    """Returns the share of pairs of a positive and a negative in which the positive scores higher (Mann-Whitney U)."""
    positives = positive.sum(-1)
    pairs = positives * (positive.shape[-1] - positives)
    ranks = (rankdata(score, axis=-1) * positive).sum(-1)
    areas: Float64[np.ndarray, " resamples"] = (ranks - positives * (positives + 1) / 2) / pairs
    return areas


def _balanced_accuracies(
    true: Int[np.ndarray, " scans"],
    probabilities: Float[np.ndarray, "scans classes"],
    samples: Int[np.ndarray, "resamples drawn"],
) -> Float64[np.ndarray, " resamples"]:
    correct = (probabilities.argmax(1) == true)[samples]
    shares = []
    for label in np.unique(true):
        of_class = (true == label)[samples]
        shares.append((correct & of_class).sum(-1) / of_class.sum(-1))
    means: Float64[np.ndarray, " resamples"] = np.stack(shares, axis=-1).mean(-1)
    return means


def _resample(rng: np.random.Generator, true: Int[np.ndarray, " scans"], classes: int) -> Int[np.ndarray, " scans"]:
    while True:
        sample = rng.integers(0, len(true), len(true))
        if len(np.unique(true[sample])) == classes:
            return sample
