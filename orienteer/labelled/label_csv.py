"""Labels of scans from a CSV file, and the scans that its rows name."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.csv_table import TableRow, read_table
from orienteer.labelled.dataset_json import GROUPS, group_of
from orienteer.labelled.datasets import ending_of
from orienteer.scans.source import ScanSource

MISSING = frozenset(("", "nan", "<na>", "#n/a", "#na", "#value!", "#ref!", "#name?", "#div/0!", "#num!", "#null!"))
"""What spreadsheets and pandas write where a value is missing, or where a formula failed."""

SPLITS = ("train", "test")
"""The values that a split column may hold."""


@dataclass(frozen=True)
class LabelTable:
    """The labels of a CSV.

    Attributes:
        labels: class by scan, in the order of the file.
        splits: ``train`` or ``test`` by scan; None without such a column.
        groups: patient or other group by scan, where the table names one.
    """

    labels: dict[str, str]
    splits: dict[str, str] | None
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted(set(self.labels.values()))


def read_label_csv(path: str | Path) -> LabelTable:
    """Returns the labels of a CSV with the columns ``scan``, ``label`` and, optionally, ``split`` and ``patient``.

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
    rows = read_table(Path(path), ("scan", "label"), ("split", *GROUPS))
    if not rows:
        raise InputError(str(path), wanted="a row for each scan", got="no rows", do="add rows below the first line")
    for row in rows:
        _check_row(path, row)
    scans = [row.values["scan"] for row in rows]
    repeated = [scan for scan, count in Counter(scans).items() if count > 1]
    if repeated:
        lines = [str(row.line) for row in rows if row.values["scan"] == repeated[0]]
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        got = f"{repeated[0]!r} in lines {', '.join(lines)}{more}"
        raise InputError(str(path), wanted="each scan in one row", got=got, do="remove the rows that repeat a scan")
    groups = {row.values["scan"]: group for row in rows if (group := group_of(row.values)) is not None}
    labels = LabelTable(
        {row.values["scan"]: row.values["label"] for row in rows},
        {row.values["scan"]: row.values["split"].lower() for row in rows} if "split" in rows[0].values else None,
        groups,
    )
    _check_spelling(path, labels.classes)
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
        for name in {_place(source.name), _place(_without_ending(source.name))}:
            known.setdefault(name, []).append(source)
    scans, unknown = {}, []
    for name in wanted:
        matches = known.get(_place(name), [])
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


def _check_row(path: str | Path, row: TableRow) -> None:
    empty = [name for name in ("scan", "label") if row.values[name].lower() in MISSING]
    if empty:
        do, got = "fill it in, or remove the row", row.values[empty[0]]
        got = f"{got!r}, which stands for a missing value or an error" if got else "none"
        raise InputError(f"{path}, line {row.line}", wanted=f"a value for {empty[0]}", got=got, do=do)
    split = row.values.get("split")
    if split is not None and split.lower() not in SPLITS:
        wanted = f"split {' or '.join(SPLITS)}"
        raise InputError(f"{path}, line {row.line}", wanted=wanted, got=repr(split), do="use one of these")


def _check_spelling(path: str | Path, classes: Iterable[str]) -> None:
    """Stops where two classes are the same word or number in two spellings, which a spreadsheet makes of one."""
    first: dict[str, str] = {}
    for name in classes:
        other = first.setdefault(_meaning(name), name)
        if other != name:
            got = f"{other!r} and {name!r}"
            do = "write them alike, or give the classes names that differ"
            raise InputError(str(path), wanted="one spelling of each class in column label", got=got, do=do)


def _meaning(label: str) -> str:
    try:
        return str(float(label.replace(",", ".")))
    except ValueError:
        return " ".join(label.casefold().split())


def _place(name: str) -> str:
    """Returns the path of a scan in one form, whichever system wrote it."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def _without_ending(name: str) -> str:
    return name[: len(name) - len(ending_of(name))]
