"""Labels of scans from a CSV file, and the scans that its rows name."""

import csv
import difflib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.scans.discover import SUFFIXES
from orienteer.scans.source import ScanSource

SPLITS = ("train", "test")
"""The values that a split column may hold."""


@dataclass(frozen=True)
class LabelTable:
    """The labels of a CSV.

    Attributes:
        labels: class by scan, in the order of the file.
        splits: ``train`` or ``test`` by scan; None without such a column.
    """

    labels: dict[str, str]
    splits: dict[str, str] | None

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted(set(self.labels.values()))


def read_label_csv(path: str | Path) -> LabelTable:
    """Returns the labels of a CSV with the columns ``scan``, ``label`` and, optionally, ``split`` (train or test).

    Raises:
        InputError: a missing column, an empty value, a scan in two rows, a split other than train or test, fewer than two
            classes, or a class without a scan to train on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels.csv")
        ...     _ = path.write_text("scan,label\\na.nii.gz,ill\\nb.nii.gz,well\\n")
        ...     read_label_csv(path).labels
        {'a.nii.gz': 'ill', 'b.nii.gz': 'well'}
    """
    rows = _rows(Path(path))
    scans = [row["scan"] for row in rows]
    repeated = [scan for scan, count in Counter(scans).items() if count > 1]
    if repeated:
        lines = [str(number + 2) for number, scan in enumerate(scans) if scan == repeated[0]]
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        got = f"{repeated[0]!r} in lines {', '.join(lines)}{more}"
        raise InputError(str(path), wanted="each scan in one row", got=got, do="remove the rows that repeat a scan")
    labels = LabelTable(
        {row["scan"]: row["label"] for row in rows},
        {row["scan"]: row["split"] for row in rows} if "split" in rows[0] else None,
    )
    if len(labels.classes) < 2:
        wanted, got = "at least two classes in column label", f"one, {labels.classes[0]!r}"
        raise InputError(str(path), wanted=wanted, got=got, do="add scans of another class")
    if labels.splits is not None:
        check_classes(str(path), labels, [scan for scan, split in labels.splits.items() if split == "train"])
    return labels


def check_classes(what: str, labels: LabelTable, training: Sequence[str]) -> None:
    """Stops where a class has no scan to train on.

    Args:
        what: where the labels come from, for the message.
        labels: of all scans.
        training: scans to train on.

    Raises:
        InputError: naming the classes.
    """
    absent = sorted(set(labels.classes) - {labels.labels[scan] for scan in training})
    if absent:
        raise InputError(
            what,
            wanted="every class among the scans to train on",
            got=f"none of class {', '.join(absent)} in {len(training)} training scans",
            do="move scans of this class to the training part, or remove the class",
        )


def match_scans(what: str, wanted: Iterable[str], sources: Sequence[ScanSource], folder: str) -> dict[str, ScanSource]:
    """Returns the scan that each name in a table stands for: its path in the folder, with or without the ending.

    Args:
        what: the table, for messages.
        wanted: names in the table.
        sources: scans of the folder.
        folder: the folder, for messages.

    Raises:
        InputError: names that no scan has, with the nearest ones, or that several have.
    """
    known: dict[str, list[ScanSource]] = {}
    for source in sources:
        for name in {source.name, _without_ending(source.name)}:
            known.setdefault(name, []).append(source)
    scans, unknown = {}, []
    for name in wanted:
        matches = known.get(name, [])
        if len(matches) > 1:
            got = f"{name!r}, which is {' and '.join(item.name for item in matches[:3])}"
            raise InputError(what, wanted="names of one scan each", got=got, do="write the name with its ending")
        if matches:
            scans[name] = matches[0]
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
    return scans


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
            wanted="a CSV with the columns scan, label and, optionally, split",
            got=got,
            do="name the columns in the first line",
        )
    reader.fieldnames = columns
    rows = []
    for number, row in enumerate(reader, start=2):
        rows.append(_checked(path, number, {name: (row[name] or "").strip() for name in columns if name in _COLUMNS}))
    if not rows:
        raise InputError(str(path), wanted="a row for each scan", got="no rows", do="add rows below the first line")
    return rows


_COLUMNS = ("scan", "label", "split")


def _checked(path: Path, line: int, row: dict[str, str]) -> dict[str, str]:
    empty = [name for name in ("scan", "label") if not row[name]]
    if empty:
        do = "fill it in, or remove the row"
        raise InputError(f"{path}, line {line}", wanted=f"a value for {empty[0]}", got="none", do=do)
    if "split" in row and row["split"] not in SPLITS:
        wanted = f"split {' or '.join(SPLITS)}"
        raise InputError(f"{path}, line {line}", wanted=wanted, got=repr(row["split"]), do="use one of these")
    return row


def _without_ending(name: str) -> str:
    ending = max((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), key=len, default="")
    return name[: len(name) - len(ending)] if ending else name
