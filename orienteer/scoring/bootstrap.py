"""Bootstrap intervals: percentiles of resampled values, and means over seeds and cases that are crossed.

Seeds and cases are crossed when every seed is scored on the same cases. Both are drawn with replacement, independently, and
the mean is taken over the cells of the table at the drawn rows and columns (Owen, *The pigeonhole bootstrap*, Annals of
Applied Statistics 1(2), 2007, the crossed form). With few seeds the variance of resampled means is too small by the factor
(n - 1) / n, a bias that is removed here by stretching the deviations of the seeds, and of the cases, by the root of
n / (n - 1).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64

COVERAGE = 0.95
"""Share of the resampled values within an interval."""

RESAMPLES = 2000

Table = Float[np.ndarray, "seeds cases"]


class Estimate(NamedTuple):
    """A mean and its interval, and the number of seeds and cases that it is computed from."""

    mean: float
    low: float
    high: float
    seeds: int
    cases: int


def interval(resampled: Sequence[float] | Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """Returns the percentiles between which `COVERAGE` of the resampled values lie.

    Example:
        >>> tuple(round(end, 6) for end in interval(np.arange(201.0)))
        (5.0, 195.0)
    """
    low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def estimate(values: Table, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """Returns the mean of a table and its interval over seeds and cases; a paired one if the table holds differences.

    Args:
        values: missing cells are NaN.
        seed: of the resampling.
        resamples: how many means are drawn.

    Example:
        >>> dice = estimate(np.array([[0.5, 0.7, 0.6], [0.6, 0.8, 0.7]]))
        >>> round(dice.mean, 3), dice.low < dice.mean < dice.high, dice.seeds, dice.cases
        (0.65, True, 2, 3)
    """
    kept = values[:, ~np.isnan(values).all(0)]
    kept = kept[~np.isnan(kept).all(1)]
    if kept.size == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    mean = float(np.nanmean(kept))
    means = resampled_means(stretched(kept), *draws(np.random.default_rng(seed), kept.shape, resamples))
    return Estimate(mean, *interval(means[~np.isnan(means)]), *kept.shape)


def draws(
    rng: np.random.Generator, shape: tuple[int, int], resamples: int
) -> tuple[Int64[np.ndarray, "resamples seeds"], Int64[np.ndarray, "resamples cases"]]:
    """Returns the rows (seeds) and the columns (cases) of every resample."""
    return tuple(rng.integers(0, count, (resamples, count)) for count in shape)  # type: ignore[return-value]


def resampled_means(
    values: Table, seeds: Int64[np.ndarray, "resamples seeds"], cases: Int64[np.ndarray, "resamples cases"]
) -> Float64[np.ndarray, " resamples"]:
    """Returns the mean of the cells that each resample draws; NaN where all of them are missing.

    Example:
        >>> resampled_means(np.array([[1.0, 2.0], [3.0, np.nan]]), np.array([[0, 1]]), np.array([[1, 1]])).tolist()
        [2.0]
    """
    known = ~np.isnan(values)
    of_seeds, of_cases = _counts(seeds, values.shape[0]), _counts(cases, values.shape[1])
    total = np.einsum("rs,sc,rc->r", of_seeds, np.where(known, values, 0.0), of_cases, optimize=True)
    number = np.einsum("rs,sc,rc->r", of_seeds, known.astype(float), of_cases, optimize=True)
    means: Float64[np.ndarray, " resamples"] = np.full(len(total), np.nan)
    np.divide(total, number, out=means, where=number > 0)
    return means


def stretched(values: Table) -> Table:
    """Returns the table with the deviations of its seeds' and cases' means from the overall mean stretched, as above."""
    overall = np.nanmean(values)
    added = np.zeros_like(values)
    for axis, count in ((1, values.shape[0]), (0, values.shape[1])):
        if count > 1:
            deviation = np.nanmean(values, axis=axis, keepdims=True) - overall
            added = added + deviation * (np.sqrt(count / (count - 1)) - 1)
    wider: Table = values + added
    return wider


def _counts(drawn: Int64[np.ndarray, "resamples drawn"], count: int) -> Float64[np.ndarray, "resamples count"]:
    """Returns how often each number was drawn."""
    flat = drawn + count * np.arange(len(drawn))[:, None]
    return np.bincount(flat.reshape(-1), minlength=count * len(drawn)).reshape(len(drawn), count).astype(float)
