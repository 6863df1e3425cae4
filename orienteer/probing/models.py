"""What is fitted on frozen features: ridge regression, logistic regression, nearest neighbours. Nothing deeper.

Each gives a score per class. Two things are chosen on an inner split of the training data, never on the test data: the
strength of the model, and how far rare classes are raised.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors

Kind = Literal["ridge", "logistic", "knn"]

STRENGTHS: dict[str, tuple[float, ...]] = {"ridge": (1e-4, 1e-2, 1.0), "logistic": (0.1,), "knn": (5.0, 15.0, 45.0)}
"""Ridge: the penalty as a share of the summed weights. Logistic: scikit-learn's C. Neighbours: how many."""

BALANCES = (0.0, 0.5, 1.0)
"""How far rare classes are raised: 0 as they come, 1 all classes with the same weight."""

MOST_ROWS = {"ridge": 200_000, "logistic": 20_000, "knn": 5_000}
"""Rows that are fitted; more are thinned out at random. They set the time."""

COMPONENTS = 32
"""Nearest neighbours are sought among so many principal components of the features: the rest is mostly noise, and time."""

MOST_STEPS = 300
"""Steps of the logistic regression."""

Features = Float32[np.ndarray, "rows channels"]
Classes = Int[np.ndarray, " rows"]
Weights = Float64[np.ndarray, " rows"]
Scores = Float64[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class Choice:
    """What the inner split chose."""

    strength: float
    balance: float


def fit_probe(
    kind: Kind,
    features: Features,
    classes: Classes,
    weights: Weights,
    count: int,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    quality: Callable[[Classes, Scores, Weights], float],
    seed: int = 0,
) -> tuple[Callable[[Features], Scores], Choice]:
    """Returns a function from features to scores per class, and what was chosen for it.

    Args:
        classes: class number of each row.
        weights: how many places or scans each row stands for.
        count: how many classes there are.
        splits: inner splits, each the rows to fit on and the rows to choose by; none takes the middle strength.
        quality: what to choose by: true classes, scores and weights of held-out rows to a number, more is better.
        seed: thins out rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> classes = np.arange(60) % 2
        >>> features = (rng.normal(size=(60, 4)) + 3 * classes[:, None]).astype(np.float32)
        >>> scores, _ = fit_probe("ridge", features, classes, np.ones(60), 2, [], lambda *_: 0.0)
        >>> bool((scores(features).argmax(1) == classes).mean() > 0.95)
        True
    """
    rng = np.random.default_rng(seed)
    choices = [Choice(strength, balance) for strength in STRENGTHS[kind] for balance in BALANCES]
    chosen = Choice(STRENGTHS[kind][len(STRENGTHS[kind]) // 2], 1.0)
    if splits:
        found = np.zeros(len(choices))
        for inner, outer in splits:
            inner = _thinned(rng, inner, MOST_ROWS[kind] // 2)
            models = _fit_all(kind, features[inner], classes[inner], weights[inner], count, choices)
            found += [quality(classes[outer], scores, weights[outer]) for scores in models(features[outer])]
        chosen = choices[int(found.argmax())]
    rows = _thinned(rng, np.arange(len(features)), MOST_ROWS[kind])
    last = _fit_all(kind, features[rows], classes[rows], weights[rows], count, [chosen])
    return lambda given: last(given)[0], chosen


def _thinned(rng: np.random.Generator, rows: np.ndarray, most: int) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _fit_all(
    kind: Kind, features: Features, classes: Classes, weights: Weights, count: int, choices: Sequence[Choice]
) -> Callable[[Features], list[Scores]]:
    """Returns a function that gives the scores of one model per choice, on features brought to mean 0, deviation 1."""
    mean, scale = channel_scale(features)

    def standard(given: Features) -> Features:
        return ((given - mean) / scale).astype(np.float32)

    fitted = {"ridge": _ridges, "logistic": _logistics, "knn": _neighbours}[kind](
        standard(features), classes, weights, count, choices
    )
    return lambda given: fitted(standard(given))


def channel_scale(
    features: Features,
) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
    """Returns what brings each channel to mean 0 and deviation 1: subtract the first, divide by the second.

    A channel that is constant says nothing, and dividing by its rounding errors would blow it up: its scale is infinite.
    """
    mean, deviation = features.mean(0), features.std(0)
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return mean, np.where(constant, np.float32(np.inf), deviation)


def raised(classes: Classes, weights: Weights, count: int, balance: float) -> Weights:
    """Returns weights with mean 1 in which rare classes are raised."""
    shares = np.bincount(classes, weights, count) / weights.sum()
    raised = weights * np.maximum(shares[classes], 1e-12) ** -balance
    return raised / raised.mean()


def _ridges(
    features: Features, classes: Classes, weights: Weights, count: int, choices: Sequence[Choice]
) -> Callable[[Features], list[Scores]]:
    truth = np.eye(count, dtype=np.float32)[classes]
    models = []
    for choice in choices:
        model = Ridge(alpha=choice.strength * len(classes))
        models.append(model.fit(features, truth, sample_weight=raised(classes, weights, count, choice.balance)))
    return lambda given: [model.predict(given).astype(np.float64).reshape(-1, count) for model in models]


def _logistics(
    features: Features, classes: Classes, weights: Weights, count: int, choices: Sequence[Choice]
) -> Callable[[Features], list[Scores]]:
    models = []
    for choice in choices:
        model = LogisticRegression(C=choice.strength, max_iter=MOST_STEPS, tol=1e-3)
        with warnings.catch_warnings():  # an optimum that is not reached to the last digit is good enough here
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(features, classes, sample_weight=raised(classes, weights, count, choice.balance)))

    def scores(given: Features) -> list[Scores]:
        found = []
        for model in models:
            every = np.zeros((len(given), count))
            every[:, model.classes_] = model.predict_proba(given)
            found.append(every)
        return found

    return scores


def _neighbours(
    features: Features, classes: Classes, weights: Weights, count: int, choices: Sequence[Choice]
) -> Callable[[Features], list[Scores]]:
    most = min(len(features), int(max(choice.strength for choice in choices)))
    # The largest eigenvalues come last. Features have mean zero here, so that this is their covariance.
    axes = np.linalg.eigh(features.T @ features / len(features))[1][:, -COMPONENTS:]
    index = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(_unit(features @ axes))
    truth = np.eye(count)[classes]
    votes = [raised(classes, weights, count, choice.balance)[:, None] * truth for choice in choices]

    def scores(given: Features) -> list[Scores]:
        # Distances of rows of length one sort as cosines do.
        nearest = index.kneighbors(_unit(given @ axes), return_distance=False)
        found = []
        for choice, vote in zip(choices, votes, strict=True):
            total = vote[nearest[:, : int(choice.strength)]].sum(1)
            found.append(total / total.sum(1, keepdims=True))
        return found

    return scores


def _unit(features: Features) -> Features:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
