"""Rows of the tables that benchmarks read back, and their means."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def read_rows(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file; none where there is no file."""
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def averaged(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the means of numbers over rows, table by table; what is None in all rows stays None."""
    values: dict[str, Any] = {}
    for key in rows[0]:
        column = [row[key] for row in rows if row.get(key) is not None]
        first = column[0] if column else None
        if isinstance(first, dict):
            values[key] = averaged(column)
        elif key != "seed" and column and isinstance(column[0], int | float):
            values[key] = round(float(np.mean(column)), 3)
        elif isinstance(first, list | tuple):
            values[key] = np.mean(column, axis=0).round(2).tolist()
        elif first is None:
            values[key] = None
    return values
