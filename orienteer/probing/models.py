"""Simple models on frozen features: ridge regression, logistic regression, nearest neighbours.

Each gives a score per class. Two hyperparameters are chosen on an inner split of the training data, never on the test data:
the strength of the model, and how far rare classes are weighted up.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int, Int64
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors

Kind = Literal["ridge", "logistic", "knn"]

STRENGTHS: dict[str, tuple[float, ...]] = {"ridge": (1e-4, 1e-2, 1.0), "logistic": (0.1,), "knn": (5.0, 15.0, 45.0)}
"""Ridge: the penalty as a share of the summed weights. Logistic: scikit-learn's C. Nearest neighbours: how many."""

BALANCES = (0.0, 0.5, 1.0)
"""How far rare classes are weighted up: 0 not at all, 1 until all classes have the same weight."""

MOST_ROWS = {"ridge": 200_000, "logistic": 20_000, "knn": 5_000}
"""Most rows that a model is fitted on, drawn at random among more. They determine the time."""

COMPONENTS = 32
"""Nearest neighbours are compared on so many principal components of the features: the rest adds mostly noise, and time."""

MOST_STEPS = 300
"""Most steps of the logistic regression."""

Features = Float32[np.ndarray, "rows channels"]
Classes = Int[np.ndarray, " rows"]
Weights = Float64[np.ndarray, " rows"]
Scores = Float64[np.ndarray, "rows classes"]
Rows = Int64[np.ndarray, " rows"]
Model = Callable[[Features], Scores]
Models = Callable[[Features], list[Scores]]
Split = tuple[np.ndarray, np.ndarray]
"""The rows to fit on, and the rows to choose by."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the inner split chooses.

    Attributes:
        strength: one of `STRENGTHS`.
        balance: one of `BALANCES`.
    """

    strength: float
    balance: float


def fit_probe(
    kind: Kind,
    features: Features,
    classes: Classes,
    weights: Weights,
    count: int,
    splits: Sequence[Split],
    quality: Callable[[Classes, Scores, Weights], float],
    seed: int = 0,
) -> tuple[Model, Hyperparameters]:
    """Returns a fitted model, a function from features to scores per class, and its hyperparameters.

    Args:
        kind: of the model.
        features: one row per place or scan.
        classes: class number of each row.
        weights: how many places or scans each row stands for.
        count: how many classes there are.
        splits: inner splits; without any, the median strength and full balance are used.
        quality: what to choose by: a function of true classes, scores and weights of held-out rows; more is better.
        seed: draws rows where there are too many.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> classes = np.arange(60) % 2
        >>> features = (rng.normal(size=(60, 4)) + 3 * classes[:, None]).astype(np.float32)
        >>> model, _ = fit_probe("ridge", features, classes, np.ones(60), 2, [], lambda *_: 0.0)
        >>> bool((model(features).argmax(1) == classes).mean() > 0.95)
        True
    """
    rng = np.random.default_rng(seed)
    candidates = [Hyperparameters(strength, balance) for strength in STRENGTHS[kind] for balance in BALANCES]
    chosen = Hyperparameters(STRENGTHS[kind][len(STRENGTHS[kind]) // 2], 1.0)
    if splits:
        total = np.zeros(len(candidates))
        for inner, outer in splits:
            inner = _drawn(rng, inner, MOST_ROWS[kind] // 2)
            models = _fit_all(kind, features[inner], classes[inner], weights[inner], count, candidates)
            total += [quality(classes[outer], scores, weights[outer]) for scores in models(features[outer])]
        chosen = candidates[int(total.argmax())]
    rows = _drawn(rng, np.arange(len(features)), MOST_ROWS[kind])
    fitted = _fit_all(kind, features[rows], classes[rows], weights[rows], count, [chosen])
    return lambda new: fitted(new)[0], chosen


def inner_split(owners: Int[np.ndarray, " rows"], every: int) -> list[Split]:
    """Returns one split that holds out the rows of every n-th owner; none if there are fewer owners than that.

    Args:
        owners: number of the case that each row belongs to.
        every: n; 3 holds out owners 2, 5, 8 and so on.

    Example:
        >>> [(fit.tolist(), hold.tolist()) for fit, hold in inner_split(np.array([0, 1, 1, 2]), every=3)]
        [([0, 1, 2], [3])]
    """
    held_out = owners % every == every - 1
    return [(np.flatnonzero(~held_out), np.flatnonzero(held_out))] if held_out.any() else []


def _drawn(rng: np.random.Generator, rows: Rows, most: int) -> Rows:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _fit_all(
    kind: Kind,
    features: Features,
    classes: Classes,
    weights: Weights,
    count: int,
    candidates: Sequence[Hyperparameters],
) -> Models:
    """Returns the scores of one model per candidate, fitted on features standardised to mean 0 and deviation 1."""
    mean, scale = channel_scale(features)

    def standardised(rows: Features) -> Features:
        scaled: Features = ((rows - mean) / scale).astype(np.float32)
        return scaled

    fit = {"ridge": _ridges, "logistic": _logistics, "knn": _neighbours}[kind]
    fitted = fit(standardised(features), classes, weights, count, candidates)
    return lambda new: fitted(standardised(new))


def channel_scale(
    features: Features,
) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
    """Returns mean and scale of each channel: subtract the first and divide by the second for mean 0 and deviation 1.

    The scale of a constant channel is infinite: divided by its rounding errors it would be amplified noise.
    """
    mean, deviation = features.mean(0), features.std(0)
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return mean, np.where(constant, np.float32(np.inf), deviation)


def balanced(classes: Classes, weights: Weights, count: int, balance: float) -> Weights:
    """Returns weights with mean 1 in which rare classes are weighted up.

    Args:
        classes: class number of each row.
        weights: how many places or scans each row stands for.
        count: how many classes there are.
        balance: how far, see `BALANCES`.

    Example:
        >>> balanced(np.array([0, 0, 0, 1]), np.ones(4), count=2, balance=1.0).round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    shares = np.bincount(classes, weights, count) / weights.sum()
    product = weights * np.maximum(shares[classes], 1e-12) ** -balance
    normalised: Weights = product / product.mean()
    return normalised


def _ridges(
    features: Features, classes: Classes, weights: Weights, count: int, candidates: Sequence[Hyperparameters]
) -> Models:
    truth = np.eye(count, dtype=np.float32)[classes]
    models = []
    for candidate in candidates:
        model = Ridge(alpha=candidate.strength * len(classes))
        models.append(model.fit(features, truth, sample_weight=balanced(classes, weights, count, candidate.balance)))
    return lambda new: [model.predict(new).astype(np.float64).reshape(-1, count) for model in models]


def _logistics(
    features: Features, classes: Classes, weights: Weights, count: int, candidates: Sequence[Hyperparameters]
) -> Models:
    models = []
    for candidate in candidates:
        model = LogisticRegression(C=candidate.strength, max_iter=MOST_STEPS, tol=1e-3)
        with warnings.catch_warnings():  # an optimum that is not converged to the last digit is good enough here
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(
                model.fit(features, classes, sample_weight=balanced(classes, weights, count, candidate.balance))
            )

    def scores(model: LogisticRegression, new: Features) -> Scores:
        of_all_classes = np.zeros((len(new), count))  # the model knows only those that it was fitted on
        of_all_classes[:, model.classes_] = model.predict_proba(new)
        return of_all_classes

    return lambda new: [scores(model, new) for model in models]


def _neighbours(
    features: Features, classes: Classes, weights: Weights, count: int, candidates: Sequence[Hyperparameters]
) -> Models:
    most = min(len(features), int(max(candidate.strength for candidate in candidates)))
    # Features have mean 0 here, so that this is their covariance; its largest eigenvalues come last.
    axes = np.linalg.eigh(features.T @ features / len(features))[1][:, -COMPONENTS:]
    index = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(_unit(features @ axes))
    truth = np.eye(count)[classes]
    votes = [balanced(classes, weights, count, candidate.balance)[:, None] * truth for candidate in candidates]

    def shares(new: Features) -> list[Scores]:
        # The distances of rows of length one have the order of their cosines.
        nearest = index.kneighbors(_unit(new @ axes), return_distance=False)
        totals = [
            vote[nearest[:, : int(candidate.strength)]].sum(1)
            for candidate, vote in zip(candidates, votes, strict=True)
        ]
        return [total / total.sum(1, keepdims=True) for total in totals]

    return shares


def _unit(features: Features) -> Features:
    unit: Features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return unit
