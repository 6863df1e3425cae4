"""Rows of the CSV tables that benchmarks read back."""

import csv
from pathlib import Path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file; none where there is no file."""
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
