"""Intervals of the values of `benchmarks.space`: by resampling seeds and held-out scans, and the range over seeds.

Each seed holds out other scans, so scans are drawn within their seed: with replacement, as the seeds are. With two or three
seeds such an interval is too narrow for what other seeds would do, and the range says what these did.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.space_values import KEYS, means
from orienteer.scoring.bootstrap import RESAMPLES, interval

RATIO = "gap_over_trivial"


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the means over seeds, their intervals and ranges, and the values of each seed."""
    interval = {RATIO: ratio_interval(rows)}
    return {**means(rows), "interval95": interval, "ranges": ranges(rows, KEYS), "by_seed": list(rows)}


def ratio_interval(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> list[float] | None:
    """Returns the 95 % interval of the mean over seeds of gap error over trivial; None where a seed has none.

    Args:
        rows: values of the seeds, with ``error_mm`` and ``trivial_mm`` of every scan in ``by_scan``.
        seed: of the resampling.

    Example:
        >>> rows = [{"by_scan": {"error_mm": [10.0, 30.0], "trivial_mm": [100.0, 100.0]}}]
        >>> ratio_interval(rows)
        [0.1, 0.3]
    """
    scans = [(np.array(row["by_scan"]["error_mm"]), np.array(row["by_scan"]["trivial_mm"])) for row in rows]
    if not scans or any(not len(errors) for errors, _ in scans):
        return None
    rng = np.random.default_rng(seed)
    means = [np.mean([_ratio(rng, *scans[at]) for at in rng.integers(0, len(scans), len(scans))])
             for _ in range(RESAMPLES)]  # fmt: skip
    return [round(end, 6) for end in interval(np.array(means))]


def ranges(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, list[float] | None]:
    """Returns the lowest and the highest value of each key over seeds; None where a seed has none.

    Example:
        >>> ranges([{"coverage90": 0.8}, {"coverage90": 0.9}], ["coverage90", "cosine_rank"])
        {'coverage90': [0.8, 0.9], 'cosine_rank': None}
    """
    values = {key: [row.get(key) for row in rows] for key in keys}
    return {key: [min(each), max(each)] if None not in each and each else None for key, each in values.items()}


def _ratio(rng: np.random.Generator, errors: np.ndarray, trivial: np.ndarray) -> float:
    drawn = rng.integers(0, len(errors), len(errors))
    return float(errors[drawn].mean() / trivial[drawn].mean())
