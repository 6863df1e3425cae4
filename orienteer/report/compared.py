"""A metric over several scans beside its baselines: medians and ranges, and on how many scans the model is the better one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from orienteer.report.metrics import readable, with_baselines

CLEAR, ROUGH = 1 / 3, 0.85
"""Errors of at most this share of the baseline's are called clearly better, or better; above, hardly better."""

Grade = Literal["clear", "better", "hardly", "open", "worse"]
"""How a model compares with its strongest baseline; ``open`` if the scans do not decide."""

GRADES: Mapping[Grade, str] = {
    "clear": "clearly better than its baseline",
    "better": "better than its baseline",
    "hardly": "hardly better than its baseline",
    "open": "no certain difference to its baseline",
    "worse": "worse than its baseline",
}
"""The grades in words."""


@dataclass(frozen=True)
class Span:
    """The median of several values and their range."""

    median: float
    least: float
    most: float
    count: int


@dataclass(frozen=True)
class Compared:
    """One metric over several scans beside its baselines.

    Attributes:
        key: its key.
        name: in words.
        unit: ``mm``, ``%`` or nothing.
        model: the model's values.
        baselines: those of each baseline, by name.
        strongest: the baseline with the best median; None if it has none.
        wins: scans on which the model is better than the strongest one; a tie counts half.
        scans: on how many scans both are known.
        ratio: median of the error as a share of the strongest baseline's; None without a baseline.
        grade: how the two compare; None without a baseline.
    """

    key: str
    name: str
    unit: str
    model: Span
    baselines: Mapping[str, Span]
    strongest: str | None = None
    wins: float = 0.0
    scans: int = 0
    ratio: float | None = None
    grade: Grade | None = None

    @property
    def in_words(self) -> str:
        """How it compares, in words; empty without a baseline."""
        return "" if self.grade is None else GRADES[self.grade]

    @property
    def more_is_better(self) -> bool:
        """Whether larger values are better."""
        return self.key.endswith("_accuracy")

    @property
    def baseline(self) -> Span | None:
        """The values of the strongest baseline."""
        return None if self.strongest is None else self.baselines[self.strongest]


def compare_metrics(measured: Sequence[Mapping[str, float]]) -> list[Compared]:
    """Returns every metric of several scans beside its baselines.

    Args:
        measured: the metrics of each scan, with those of the baselines under ``KEY_BASELINE``.

    Example:
        >>> scans = [{"gap_error_mm": 10.0 + k, "gap_error_mm_trivial": 100.0} for k in range(8)]
        >>> (gap,) = compare_metrics(scans)
        >>> gap.model.median, gap.baseline.median, gap.wins, gap.grade
        (13.5, 100.0, 8.0, 'clear')
    """
    keys = list(dict.fromkeys(key for each in measured for key in each))
    named = with_baselines(dict.fromkeys(keys, 0.0))
    return [
        compare(
            metric.key,
            [each.get(metric.key, math.nan) for each in measured],
            {name: [each.get(f"{metric.key}_{name}", math.nan) for each in measured] for name in metric.baselines},
        )
        for metric in named
    ]


def compare(key: str, model: Sequence[float], baselines: Mapping[str, Sequence[float]]) -> Compared:
    """Returns one metric beside its baselines.

    Args:
        key: of the metric; its ending says the unit and which direction is better.
        model: the model's value on each scan, NaN where there is none.
        baselines: those of each baseline, on the same scans.
    """
    name, _, unit = readable(key, 0.0)
    values = np.array(model, float)
    known = {each: np.array(level, float) for each, level in baselines.items() if np.isfinite(level).any()}
    spans = {each: _span(key, level) for each, level in known.items()}
    plain = Compared(key, name, unit, _span(key, values), spans)
    if not known or not np.isfinite(values).any():
        return plain
    strongest = min(known, key=lambda each: float(np.nanmedian(_loss(key, known[each]))))
    both = np.isfinite(values) & np.isfinite(known[strongest])
    ours, theirs = _loss(key, values[both]), _loss(key, known[strongest][both])
    wins = float((ours < theirs).sum() + 0.5 * (ours == theirs).sum())
    ratio = float(np.median(ours) / np.median(theirs)) if len(theirs) and np.median(theirs) > 0 else None
    grade = _grade(wins, int(both.sum()), ratio)
    return Compared(key, name, unit, plain.model, spans, strongest, wins, int(both.sum()), ratio, grade)


def _grade(wins: float, scans: int, ratio: float | None) -> Grade:
    """Returns how a model compares: by the 95 % interval of the share of scans on which it is better, and by how much."""
    if not scans:
        return "open"
    interval = binomtest(round(wins), scans).proportion_ci(0.95)
    if interval.high < 0.5:
        return "worse"
    if interval.low <= 0.5 or ratio is None:
        return "open"
    return "clear" if ratio <= CLEAR else "better" if ratio <= ROUGH else "hardly"


def _loss(key: str, values: np.ndarray) -> np.ndarray:
    """Returns values of a metric as errors, 0 for a perfect model."""
    if key.endswith("_accuracy"):
        return 1 - values
    return 1 + values if key.endswith("_rank") else values


def _span(key: str, values: np.ndarray | Sequence[float]) -> Span:
    finite = np.array(values, float)[np.isfinite(values)]
    if not len(finite):
        return Span(math.nan, math.nan, math.nan, 0)
    least, median, most = (readable(key, float(value))[1] for value in np.quantile(finite, (0, 0.5, 1)))
    return Span(median, least, most, len(finite))
