"""Tables that people keep in spreadsheets: CSV in every separator, encoding and form that Excel and others write."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.progress import say
from orienteer.text import decoded

SEPARATORS = (",", ";", "\t", "|")
"""Excel writes a semicolon where the comma is the decimal sign, and tabs as `Unicode text`."""


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        line: of the file, counted from 1.
        values: text by name of the column, without spaces around it.
    """

    line: int
    values: dict[str, str]


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> list[TableRow]:
    """Returns the rows of a table whose first line names the columns; empty rows are left out.

    The case of a column's name does not matter. Columns that are not asked for are ignored.

    Args:
        path: the file.
        needed: columns that must be there.
        optional: columns that may be there.

    Raises:
        InputError: it cannot be read, a column is missing or there twice, or a row has more values than there are columns.
    """
    text, first_line = _without_separator_line(_text(path))
    separator = _separator(text, needed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[TableRow] = []
    columns: list[str] | None = None
    begins = first_line
    while (cells := _next_row(path, reader, first_line)) is not None:
        line, begins = begins, first_line + reader.line_num
        cells = [unicodedata.normalize("NFC", cell.strip()) for cell in cells]
        if not any(cells):
            continue
        if columns is None:
            columns = [cell.lower() for cell in cells]
            _check_columns(path, columns, needed, optional)
            continue
        if any(cells[len(columns) :]):
            got = f"{len(cells)} values where the first line names {len(columns)} columns"
            do = f"put quotes around values that contain {separator!r}, or remove what is too much"
            raise InputError(f"{path}, line {line}", wanted="one value for each column", got=got, do=do)
        known = dict(zip(columns, [*cells, *[""] * len(columns)], strict=False))
        rows.append(TableRow(line, {name: known[name] for name in (*needed, *optional) if name in known}))
    if columns is None:
        _check_columns(path, [], needed, optional)
    return rows


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        try:
            return decoded(content)
        except UnicodeDecodeError:
            text = content.decode("cp1252")
            say(f"note: {path} is not UTF-8; it is read as Windows-1252, as older spreadsheets write it")
            return text
    except (OSError, UnicodeDecodeError) as error:
        got = f"none that can be read ({type(error).__name__})"
        do = "check the path" if isinstance(error, OSError) else "save it as CSV UTF-8"
        raise InputError(str(path), wanted="a CSV file", got=got, do=do) from error


def _without_separator_line(text: str) -> tuple[str, int]:
    """Returns the text without Excel's line ``sep=;``, and the number of the line that it begins with."""
    first, end, rest = text.partition("\n")
    if end and len(first.strip()) <= 5 and first.lower().startswith("sep="):
        return rest, 2
    return text, 1


def _separator(text: str, needed: Sequence[str]) -> str:
    """Returns the separator with which the first line names the needed columns; otherwise that with most columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    columns = {separator: [word.strip(' "').lower() for word in first.split(separator)] for separator in SEPARATORS}
    complete = [separator for separator in SEPARATORS if set(needed) <= set(columns[separator])]
    return max(complete or SEPARATORS, key=lambda separator: len(columns[separator]))


def _next_row(path: Path, reader: Any, first_line: int) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
        return row
    except csv.Error as error:
        place = f"{path}, line {first_line + reader.line_num - 1}"
        do = "check the quotes in this line and before it"
        raise InputError(place, wanted="values with whole quotes", got=str(error), do=do) from error


def _check_columns(path: Path, columns: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> None:
    missing = [name for name in needed if name not in columns]
    wanted = f"a CSV with the columns {' and '.join(needed)} and, optionally, {', '.join(optional)}"
    if missing:
        shown = ", ".join(columns) or "nothing"
        got, do = f"no column {' and no column '.join(missing)} among {shown}", "name the columns in the first line"
        raise InputError(str(path), wanted=wanted, got=got, do=do)
    twice = [name for name, count in Counter(columns).items() if count > 1 and name in (*needed, *optional)]
    if twice:
        raise InputError(str(path), wanted=wanted, got=f"two columns {twice[0]}", do="remove or rename one of them")
