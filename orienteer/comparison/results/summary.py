"""The summary: mean and interval for each method and fraction, and its paired difference to other methods."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from orienteer.comparison.results.table import Row, crossed
from orienteer.errors import InputError
from orienteer.files import csv_rows, write_csv
from orienteer.scoring.bootstrap import Estimate, estimate

SUMMARY_FILE = "summary.csv"

ALL_FRACTIONS = "mean"
"""Takes the place of a fraction for the mean over all fractions."""


@dataclass(frozen=True)
class Measure:
    """A metric by which methods are compared.

    Attributes:
        downstream: the kind of cell that measures it.
        metric: its name in the table.
        words: its name on pages.
        unit: empty for shares and Dice.
        better: ``more`` or ``less``.
    """

    downstream: str
    metric: str
    words: str
    unit: str
    better: str


MEASURES = (
    Measure("finetune", "dice_mean", "Dice after fine-tuning", "", "more"),
    Measure("finetune", "hd95_mm_mean", "HD95 after fine-tuning", "mm", "less"),
    Measure("probe", "dice_mean", "Dice of the frozen probe", "", "more"),
    Measure("retrieval", "error_mm", "Error of finding the same place", "mm", "less"),
    Measure("retrieval", "located_error_mm", "Error of places by orienteer locate", "mm", "less"),
    Measure("sides", "left_right_accuracy", "Left from right", "", "more"),
    Measure("sides", "head_foot_accuracy", "Head from foot", "", "more"),
)


@dataclass(frozen=True)
class Line:
    """One line of the summary.

    Attributes:
        fraction: share of the labels; ``mean`` over all fractions; empty where no label is used.
        against: the method that the paired difference is taken to; empty where the line is no difference.
    """

    dataset: str
    downstream: str
    metric: str
    unit: str
    method: str
    fraction: str
    against: str
    mean: float
    low: float
    high: float
    seeds: int
    cases: int


def summarise(rows: Sequence[Row], against: Sequence[str]) -> list[Line]:
    """Returns all means with intervals over cases and seeds, then the paired differences to the methods in ``against``.

    A difference is taken for each seed and case separately, between networks that had the same labels.
    """
    lines = []
    for measure in MEASURES:
        of_metric = [row for row in rows if (row.downstream, row.metric) == (measure.downstream, measure.metric)]
        if not of_metric:
            continue
        tables = tables_of(of_metric)
        for (method, fraction), table in tables.items():
            lines.append(_line(of_metric[0].dataset, measure, method, fraction, "", estimate(table)))
        for other in against:
            for (method, fraction), table in tables.items():
                if method != other and (other, fraction) in tables:
                    difference = estimate(table - tables[other, fraction])
                    lines.append(_line(of_metric[0].dataset, measure, method, fraction, other, difference))
    return lines


def write_summary_table(folder: Path, lines: Sequence[Line]) -> Path:
    """Writes summary.csv and returns it."""
    rows = ([f"{value:.5g}" if isinstance(value, float) else value for value in astuple(line)] for line in lines)
    write_csv(folder / SUMMARY_FILE, [item.name for item in fields(Line)], rows)
    return folder / SUMMARY_FILE


def read_summary_table(path: Path) -> list[Line]:
    """Returns the lines of a summary.csv.

    Raises:
        InputError: it cannot be read, or is none.
    """
    kinds = {item.name: item.type for item in fields(Line)}
    try:
        return [
            Line(**{name: kinds[name](value) for name, value in row.items()})  # type: ignore[operator]
            for row in csv_rows(path)
        ]
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        got, do = f"another table ({error})", "give the command `orienteer compare` again, which writes it"
        raise InputError(str(path), wanted=f"the columns {', '.join(kinds)}", got=got, do=do) from error


def fraction_rows(
    measure: Measure, lines: Sequence[Line], signed: bool, cell: Callable[[Line, str], str]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Returns the fractions in order, the mean last, and a row per method: its name and a cell for each fraction.

    Args:
        cell: returns a line in words, by the format of its values; a fraction without a line has an empty cell.
    """
    fractions = sorted({line.fraction for line in lines}, key=_place_of_fraction)
    known = {(line.method, line.fraction): line for line in lines}
    form = f"{'+' if signed else ''}z.{2 if measure.unit else 3}f"
    rows = []
    for method in dict.fromkeys(line.method for line in lines):
        found = [known.get((method, fraction)) for fraction in fractions]
        rows.append((method, *("" if line is None else cell(line, form) for line in found)))
    return fractions, rows


def _place_of_fraction(fraction: str) -> tuple[bool, float]:
    return (True, 0.0) if fraction == ALL_FRACTIONS else (False, float(fraction or 0))


def digits(low: float, high: float, unit: str) -> int:
    """Returns how many decimals of a mean its interval supports: about one more than the first that is uncertain.

    Args:
        low: lower end of the interval.
        high: upper end.
        unit: ``mm``, or nothing for shares and Dice.

    Example:
        >>> digits(0.41, 0.51, ""), digits(0.541, 0.549, ""), digits(48.9, 63.2, "mm"), digits(5.2, 5.9, "mm")
        (2, 3, 0, 1)
    """
    fewest, most = (0, 1) if unit else (2, 3)
    half = (high - low) / 2
    if not half > 0:  # a single value, or none: its digits mean nothing
        return fewest
    return max(fewest, min(most, math.ceil(-math.log10(half))))


def fraction_words(fraction: float) -> str:
    """Returns a share in words.

    Example:
        >>> fraction_words(0.01), fraction_words(1.0)
        ('1 %', '100 %')
    """
    return f"{100 * fraction:.3g} %"


def tables_of(rows: Sequence[Row]) -> dict[tuple[str, str], np.ndarray]:
    """Returns values by seed and case for each method and fraction, all of one shape, and their means over fractions."""
    seeds, cases = sorted({row.seed for row in rows}), sorted({row.case for row in rows})
    grouped: dict[tuple[str, float | None], list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.method, row.fraction].append(row)
    tables = {
        (method, "" if fraction is None else f"{fraction:g}"): crossed(group, seeds, cases)
        for (method, fraction), group in grouped.items()
    }
    fractions = {fraction for _, fraction in grouped if fraction is not None}
    if len(fractions) > 1:
        for method in dict.fromkeys(method for method, _ in grouped):
            every = [tables.get((method, f"{fraction:g}")) for fraction in fractions]
            if all(table is not None for table in every):
                tables[method, ALL_FRACTIONS] = np.mean([table for table in every if table is not None], axis=0)
    return tables


def _line(dataset: str, measure: Measure, method: str, fraction: str, against: str, value: Estimate) -> Line:
    return Line(dataset, measure.downstream, measure.metric, measure.unit, method, fraction, against, *value)
