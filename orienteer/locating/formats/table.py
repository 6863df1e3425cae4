"""Places in a CSV file: the names of the columns say which way they count, so that no frame has to be guessed."""

from pathlib import Path

import numpy as np

from orienteer.errors import InputError
from orienteer.labelled.csv_table import TableRow, read_table
from orienteer.locating.places import Marks, checked_places

COLUMNS = (("right_mm", "left_mm"), ("front_mm", "back_mm"), ("head_mm", "foot_mm"))
"""For each axis of the body frame the column that counts along it, and the one that counts against it."""

NAMES = ("place", "name", "label")
"""Columns that may hold the names, the first that is there."""


def read_csv(path: Path) -> Marks:
    """Returns the places of a table with a column for each axis: right_mm or left_mm, front_mm or back_mm, head_mm or foot_mm.

    Numbers may have a decimal comma.

    Raises:
        InputError: it cannot be read, lacks an axis, or has a value that is no number.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.csv")
        ...     _ = file.write_text("place,left_mm,back_mm,head_mm\\ncarina,12.5,-30,410\\n")
        ...     read_csv(file).places
        (Place(name='carina', point_mm=(-12.5, 30.0, 410.0)),)
    """
    rows = read_table(path, (), (*NAMES, *(name for names in COLUMNS for name in names)))
    columns = [_column(path, rows, names) for names in COLUMNS]
    names_in = next((name for name in NAMES if rows and name in rows[0].values), None)
    points = [[sign * _number(path, row, name) for name, sign in columns] for row in rows]
    names = [row.values[names_in] if names_in else "" for row in rows]
    return Marks(checked_places(str(path), names, np.array(points, np.float64).reshape(-1, 3)))


def _column(path: Path, rows: list[TableRow], names: tuple[str, str]) -> tuple[str, float]:
    there = [name for name in names if rows and name in rows[0].values]
    if len(there) == 1:
        return there[0], 1.0 if there[0] == names[0] else -1.0
    wanted = f"one column {names[0]} or {names[1]}"
    got = "both" if there else "neither" if rows else "no rows"
    do = "name the columns place, right_mm, front_mm, head_mm (or left_mm, back_mm, foot_mm, which count the other way)"
    raise InputError(str(path), wanted=wanted, got=got, do=do)


def _number(path: Path, row: TableRow, name: str) -> float:
    text = row.values[name]
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        where = f"{path}, line {row.line}"
        raise InputError(where, wanted=f"a number in mm in {name}", got=repr(text), do="correct the table") from error
