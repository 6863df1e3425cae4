"""The verdict of a comparison: which method is ahead, by how much, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from orienteer.comparison.results.measures import REFERENCES
from orienteer.comparison.results.summary import ALL_FRACTIONS, MEASURES, Measure, digits, tables_of
from orienteer.comparison.results.table import Row
from orienteer.runs.weights import SCRATCH
from orienteer.scoring.bootstrap import Estimate, estimate

Grade = Literal["ahead", "perhaps", "level", "none", "alone"]
"""``ahead`` of all others; ``perhaps``, by the interval of too few seeds; ``level`` with some; ``none``, since one seed allows
no verdict; ``alone``, one method only."""

LEAST_SEEDS = 3
"""Seeds for a verdict without a perhaps. Two that happen to agree give an interval of almost no length."""


@dataclass(frozen=True)
class Verdict:
    """What one measure says.

    Attributes:
        measure: its name, unit and direction.
        share: share of the labels that it is about; ``mean`` over all, empty where none are used.
        seeds: number of seeds.
        cases: number of scored cases.
        best: the method with the best mean, and its mean.
        second: the next best one; None if there is no other.
        lead: the paired difference of the best to the next, positive if the best is better.
        scratch: that of the best to the network without pretraining; None if it is that, or there is none.
        level: methods that cannot be distinguished from the best.
        grade: the verdict.
    """

    measure: Measure
    share: str
    seeds: int
    cases: int
    best: tuple[str, str]
    second: tuple[str, str] | None
    lead: str
    scratch: str | None
    level: tuple[str, ...]
    grade: Grade


def verdicts(rows: Sequence[Row]) -> dict[str, Verdict]:
    """Returns the verdict of the first measure of each kind of cell that has results.

    Args:
        rows: the tidy table.

    Example:
        >>> def row(method, seed, value):
        ...     return Row("d", "probe", method, 1.0, seed, f"c{seed}", "dice_mean", "", value, "", None, None, None, "1")
        >>> rows = [row(m, s, v + s / 100) for m, v in (("a", 0.5), ("scratch", 0.2)) for s in range(3)]
        >>> verdict = verdicts(rows)["probe"]
        >>> verdict.best, verdict.grade, verdict.lead[:5]
        (('a', '0.51'), 'ahead', '+0.30')
    """
    made: dict[str, Verdict] = {}
    for measure in MEASURES:
        chosen = [row for row in rows if (row.downstream, row.metric) == (measure.downstream, measure.metric)]
        if measure.downstream not in made and chosen:
            verdict = _verdict(measure, chosen)
            if verdict is not None:
                made[measure.downstream] = verdict
    return made


def _verdict(measure: Measure, rows: Sequence[Row]) -> Verdict | None:
    tables = {key: table for key, table in tables_of(rows).items() if key[0] not in REFERENCES or key[0] == SCRATCH}
    shares = {share for _, share in tables}
    share = ALL_FRACTIONS if ALL_FRACTIONS in shares else max(shares, default="", key=lambda name: float(name or 0))
    methods = {method: table for (method, each), table in tables.items() if each == share}
    means = {method: estimate(table) for method, table in methods.items()}
    ordered = sorted(means, key=lambda method: means[method].mean, reverse=measure.better == "more")
    ordered = [method for method in ordered if means[method].seeds]
    if not ordered:
        return None
    best, others = ordered[0], ordered[1:]
    leads = {other: _lead(measure, methods, best, other) for other in others}
    level = tuple(other for other, lead in leads.items() if not lead.low > 0)
    seeds = means[best].seeds
    return Verdict(
        measure=measure,
        share=share,
        seeds=seeds,
        cases=means[best].cases,
        best=(best, _mean(measure, means[best])),
        second=(others[0], _mean(measure, means[others[0]])) if others else None,
        lead=_difference(measure, leads[others[0]]) if others else "",
        scratch=_difference(measure, leads[SCRATCH]) if SCRATCH in leads else None,
        level=level,
        grade=_grade(seeds, others, level),
    )


def _grade(seeds: int, others: Sequence[str], level: Sequence[str]) -> Grade:
    if not others:
        return "alone"
    if seeds < 2:
        return "none"
    if level:
        return "level"
    return "ahead" if seeds >= LEAST_SEEDS else "perhaps"


def _lead(measure: Measure, methods: Mapping[str, np.ndarray], best: str, other: str) -> Estimate:
    """Returns the paired difference of the best method to another, positive where the best is better."""
    difference = methods[best] - methods[other]
    return estimate(difference if measure.better == "more" else -difference)


def _mean(measure: Measure, value: Estimate) -> str:
    return f"{value.mean:.{digits(value.low, value.high, measure.unit)}f}"


def _difference(measure: Measure, value: Estimate) -> str:
    form = f"+z.{digits(value.low, value.high, measure.unit)}f"
    mean = f"{value.mean:{form}}"
    return f"{mean}, interval {value.low:{form}} to {value.high:{form}}" if value.low < value.high else mean
