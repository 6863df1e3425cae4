"""Table and page with cases by number instead of by name, for those that leave the house."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.results.table import Row

NAMES_FILE = "names.csv"

NOT_SHOWN = "the reason may name files: it is in the log of the cell"
"""Stands in the place of reasons."""


def numbers_of(parts: Parts, rows: Sequence[Row] = ()) -> dict[str, str]:
    """Returns the number of each case by its name, part by part; cells may have finished under older names.

    Example:
        >>> numbers_of(Parts(("b", "a"), ("c",), ()))
        {'b': 'case 1', 'a': 'case 2', 'c': 'case 3'}
    """
    names = [name for part in asdict(parts).values() for name in part]
    older = sorted({row.case for row in rows} - {"", *names})
    return {name: f"case {number}" for number, name in enumerate([*names, *older], 1)}


def numbered_parts(parts: Parts, numbers: Mapping[str, str]) -> Parts:
    """Returns the parts with numbers instead of names."""
    return Parts(**{part: tuple(numbers[name] for name in names) for part, names in asdict(parts).items()})


def numbered_rows(rows: Sequence[Row], numbers: Mapping[str, str]) -> list[Row]:
    """Returns rows of the table with numbers instead of names; those that are of no single case stay."""
    return [replace(row, case=numbers[row.case] if row.case else "") for row in rows]
