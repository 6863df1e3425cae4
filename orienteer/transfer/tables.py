"""Tables in files: vectors of scans as Parquet, NumPy or CSV, and labels of scans from a CSV."""

import csv
import difflib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from orienteer.errors import InputError
from orienteer.scans.discover import SUFFIXES
from orienteer.scans.source import ScanSource
from orienteer.training.weights import write_whole

FORMATS = (".parquet", ".npy", ".csv")
"""Kinds of files for vectors, known by the end of the name."""

SPLITS = ("train", "test")
"""The values that a split column may hold."""


@dataclass(frozen=True)
class VectorTable:
    """One row per scan or per view.

    Attributes:
        columns: what is known of each row (scan, modality, ...), by column name.
        vectors: the features, columns ``v0000``, ``v0001`` ... of the file.
    """

    columns: dict[str, list[Any]]
    vectors: Float32[np.ndarray, "rows channels"]


@dataclass(frozen=True)
class Labels:
    """What a CSV says about scans.

    Attributes:
        labels: class by scan, in the order of the file.
        splits: ``train`` or ``test`` by scan; None where the file has no such column.
    """

    labels: dict[str, str]
    splits: dict[str, str] | None

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted(set(self.labels.values()))


def check_vector_path(path: Path) -> None:
    """Stops before any work where vectors could not be written.

    Raises:
        InputError: another kind of file, a file that is there already, or Parquet without pyarrow.
    """
    if path.suffix not in FORMATS:
        raise InputError("out", wanted=f"a name that ends in {', '.join(FORMATS)}", got=str(path), do="rename it")
    if path.suffix == ".parquet":
        _pyarrow()
    taken = [file for file in (path, rows_path(path)) if file.exists()]
    if taken:
        raise InputError("out", wanted="a new file", got=f"{taken[0]}, which is there", do="choose another --out")


def rows_path(path: Path) -> Path:
    """Returns where the rows of an .npy file are described; the file itself for the other kinds.

    Example:
        >>> rows_path(Path("vectors.npy")).name, rows_path(Path("vectors.csv")).name
        ('vectors.rows.csv', 'vectors.csv')
    """
    return path.with_suffix(".rows.csv") if path.suffix == ".npy" else path


def write_vectors(path: Path, table: VectorTable) -> None:
    """Writes a table of vectors, whole or not at all.

    Parquet and CSV hold the described columns, then one column per channel. An .npy file holds the vectors alone, float32
    ``(rows, channels)``; its rows are described in ``NAME.rows.csv`` beside it.

    Example:
        >>> import tempfile
        >>> table = VectorTable({"scan": ["a", "b"]}, np.array([[0.5, 1], [2, 3]], np.float32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_vectors(Path(folder, "vectors.csv"), table)
        ...     print(Path(folder, "vectors.csv").read_text().strip())
        scan,v0000,v0001
        a,0.5,1
        b,2,3
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        write_whole(path, _parquet(table))
    elif path.suffix == ".csv":
        numbers = [[f"{value:.7g}" for value in row] for row in table.vectors.tolist()]
        write_whole(path, _csv(table.columns, _channels(table), numbers))
    else:
        file = io.BytesIO()
        np.save(file, table.vectors)
        write_whole(rows_path(path), _csv(table.columns))
        write_whole(path, file.getvalue())


def read_labels(path: str | Path) -> Labels:
    """Returns the labels of a CSV with the columns ``scan``, ``label`` and, where wanted, ``split`` (train or test).

    Raises:
        InputError: a column that is missing, an empty value, a scan in two rows, another split than train or test, fewer
            than two classes, or a class without a scan to train on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels.csv")
        ...     _ = path.write_text("scan,label\\na.nii.gz,ill\\nb.nii.gz,well\\n")
        ...     read_labels(path).labels
        {'a.nii.gz': 'ill', 'b.nii.gz': 'well'}
    """
    rows = _rows(Path(path))
    scans = [row["scan"] for row in rows]
    twice = [scan for scan, count in Counter(scans).items() if count > 1]
    if twice:
        lines = [str(number + 2) for number, scan in enumerate(scans) if scan == twice[0]]
        got = f"{twice[0]!r} in lines {', '.join(lines)}" + (f" and {len(twice) - 1} more" if len(twice) > 1 else "")
        raise InputError(str(path), wanted="each scan in one row", got=got, do="remove the rows that repeat a scan")
    labels = Labels(
        {row["scan"]: row["label"] for row in rows},
        {row["scan"]: row["split"] for row in rows} if "split" in rows[0] else None,
    )
    if len(labels.classes) < 2:
        got = f"one, {labels.classes[0]!r}"
        raise InputError(
            str(path), wanted="at least two classes in column label", got=got, do="add scans of another class"
        )
    if labels.splits is not None:
        check_classes(str(path), labels, [scan for scan, split in labels.splits.items() if split == "train"])
    return labels


def check_classes(what: str, labels: Labels, training: Sequence[str]) -> None:
    """Stops where a class has no scan to train on.

    Raises:
        InputError: naming the classes.
    """
    absent = sorted(set(labels.classes) - {labels.labels[scan] for scan in training})
    if absent:
        raise InputError(
            what,
            wanted="every class among the scans to train on",
            got=f"none of class {', '.join(absent)} in {len(training)} training scans",
            do="move scans of it into the training part, or remove the class",
        )


def match_scans(what: str, wanted: Iterable[str], sources: Sequence[ScanSource], folder: str) -> dict[str, ScanSource]:
    """Returns the scan behind each name of a table: its path in the folder, with or without the ending.

    Raises:
        InputError: names that no scan has, or that several have; with the nearest ones.
    """
    known: dict[str, list[ScanSource]] = {}
    for source in sources:
        for name in {source.name, _without_ending(source.name)}:
            known.setdefault(name, []).append(source)
    found, unknown = {}, []
    for name in wanted:
        match = known.get(name, [])
        if len(match) > 1:
            got = f"{name!r}, which is {' and '.join(item.name for item in match[:3])}"
            raise InputError(what, wanted="names of one scan each", got=got, do="write the name with its ending")
        if match:
            found[name] = match[0]
        else:
            unknown.append(name)
    if unknown:
        near = difflib.get_close_matches(unknown[0], list(known), n=2, cutoff=0.5)
        raise InputError(
            what,
            wanted=f"scans of {folder}",
            got=f"{len(unknown)} unknown, first {unknown[0]!r}",
            do=f"did you mean {' or '.join(near)}?" if near else "write paths as they are inside the folder of scans",
        )
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        got = f"none that can be read ({type(error).__name__})"
        raise InputError(str(path), wanted="a CSV file", got=got, do="check the path") from error
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    columns = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in ("scan", "label") if name not in columns]
    if missing:
        got = f"no column {' and no column '.join(missing)} among {', '.join(columns) or 'nothing'}"
        raise InputError(
            str(path),
            wanted="a CSV with the columns scan, label and, where wanted, split",
            got=got,
            do="name the columns in the first line",
        )
    reader.fieldnames = columns
    rows = []
    for number, row in enumerate(reader, start=2):
        rows.append(_checked(path, number, {name: (row[name] or "").strip() for name in columns if name in _USED}))
    if not rows:
        raise InputError(str(path), wanted="a row for each scan", got="no rows", do="add rows below the first line")
    return rows


_USED = ("scan", "label", "split")


def _checked(path: Path, line: int, row: dict[str, str]) -> dict[str, str]:
    empty = [name for name in ("scan", "label") if not row[name]]
    if empty:
        do = "fill it in, or remove the row"
        raise InputError(f"{path}, line {line}", wanted=f"a value for {empty[0]}", got="none", do=do)
    if "split" in row and row["split"] not in SPLITS:
        wanted = f"split {' or '.join(SPLITS)}"
        raise InputError(f"{path}, line {line}", wanted=wanted, got=repr(row["split"]), do="write one of these")
    return row


def _without_ending(name: str) -> str:
    ending = max((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), key=len, default="")
    return name[: len(name) - len(ending)] if ending else name


def _channels(table: VectorTable) -> list[str]:
    return [f"v{channel:04d}" for channel in range(table.vectors.shape[1])]


def _csv(
    columns: dict[str, list[Any]], more: Sequence[str] = (), numbers: Sequence[Sequence[str]] | None = None
) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *more])
    described = list(zip(*columns.values(), strict=True))
    writer.writerows([*row, *(numbers[place] if numbers else ())] for place, row in enumerate(described))
    return text.getvalue().encode()


def _parquet(table: VectorTable) -> bytes:
    pyarrow, parquet = _pyarrow()
    columns: dict[str, Any] = dict(table.columns)
    columns.update(zip(_channels(table), table.vectors.T, strict=True))
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            "out",
            wanted="pyarrow, which writes Parquet files",
            got="an environment without it",
            do="pip install 'orienteer[parquet]', or write a .csv or .npy file",
        ) from error
    return pyarrow, parquet
