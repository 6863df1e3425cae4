"""Scans with one label each, from a CSV: prepared, and dealt into training and test scans."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.label_csv import Labels, check_classes, match_scans, read_label_csv
from orienteer.labelled.prepared import failures_text, prepare_named
from orienteer.scans.discover import discover
from orienteer.scans.index import Failure
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Discovery, Selection


@dataclass(frozen=True)
class LabelledScan:
    """A scan in the store and its class.

    Attributes:
        name: as the CSV writes it.
        key: in the store.
        label: number of its class.
    """

    name: str
    key: str
    label: int


@dataclass(frozen=True)
class LabelledScans:
    """The scans of a CSV that can be used.

    Attributes:
        training: to learn from.
        test: to score.
        classes: names by number.
        failures: scans that cannot be used, with the reason.
    """

    training: tuple[LabelledScan, ...]
    test: tuple[LabelledScan, ...]
    classes: tuple[str, ...]
    failures: tuple[Failure, ...]


def find_scans(path: Path, labels: Labels, scans: str | Path | None) -> Discovery:
    """Returns the scans that a CSV names.

    Args:
        path: the CSV.
        labels: what it says.
        scans: folder of the scans; by default the one that the CSV lies in.

    Raises:
        InputError: names that no scan has, or that several have.
    """
    folder = Path(scans) if scans is not None else path.parent
    found = match_scans(str(path), labels.labels, discover(folder).sources, "the folder of scans")
    by_source: dict[str, str] = {}
    for name, source in found.items():
        if source.name in by_source:
            got = f"{by_source[source.name]!r} and {name!r}, which are the same scan"
            raise InputError(str(path), wanted="each scan in one row", got=got, do="remove one of the rows")
        by_source[source.name] = name
    return Discovery(tuple(sorted(found.values(), key=lambda source: source.name)), ())


def prepare_labelled(
    path: str | Path,
    scans: str | Path | None,
    store: str | Path,
    preparation: Preparation,
    selection: Selection | None = None,
    folds: int = 5,
    fold: int = 0,
    fraction: float = 1.0,
    seed: int = 0,
    train_cases: int | None = None,
    test_cases: int | None = None,
    workers: int | None = None,
    shown: bool = True,
) -> LabelledScans:
    """Returns the scans of a CSV, prepared and dealt into training and test.

    A split column decides; without one the scans of each class are dealt to folds by name, so that all folds have it.

    Args:
        path: CSV of scan, label and, where wanted, split.
        scans: folder of the scans; by default the one that the CSV lies in.
        fraction: share of the training scans to use.
        train_cases: use only so many training scans.
        test_cases: use only so many test scans.

    Raises:
        InputError: a CSV that cannot be used, scans that are not there, a class without a scan to train on.
    """
    path, labels = Path(path), read_label_csv(path)
    discovery = find_scans(path, labels, scans)
    ready = prepare_named(discovery, store, preparation, selection, workers, shown)
    if ready.failures:
        print(failures_text(ready.failures), flush=True)
    matched = match_scans(str(path), labels.labels, discovery.sources, "the folder of scans")
    keys = {name: ready.keys[source.name] for name, source in matched.items() if source.name in ready.keys}
    training, test = _dealt(labels, list(keys), folds, fold, fraction, seed)
    training, test = some(training, train_cases, seed), some(test, test_cases, seed)
    _refuse_same(path, keys, training, test)
    check_classes(str(path), labels, training)
    classes = tuple(labels.classes)

    def pick(names: list[str]) -> tuple[LabelledScan, ...]:
        return tuple(LabelledScan(name, keys[name], classes.index(labels.labels[name])) for name in names)

    return LabelledScans(pick(training), pick(test), classes, ready.failures)


def some(names: Sequence[str], count: int | None, seed: int) -> list[str]:
    """Returns so many of the names, sorted; a smaller number of them is a part of a larger one.

    Raises:
        InputError: a number below one.

    Example:
        >>> set(some("abcdef", 2, seed=0)) < set(some("abcdef", 3, seed=0))
        True
    """
    if count is not None and count < 1:
        raise InputError("cases", wanted="at least 1", got=str(count), do="leave the limit out to use all")
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest())
    return sorted(ranked[:count])


def _dealt(
    labels: Labels, names: list[str], folds: int, fold: int, fraction: float, seed: int
) -> tuple[list[str], list[str]]:
    """Returns training and test scans; without a split column each class is dealt in turn to the folds, by name."""
    if labels.splits is not None:
        test = sorted(name for name in names if labels.splits[name] == "test")
    elif folds > len(names):
        wanted = f"at most as many as there are scans, {len(names)}"
        raise InputError("folds", wanted=wanted, got=str(folds), do="use fewer folds")
    else:
        ordered = sorted(names, key=lambda name: (labels.labels[name], Path(name).name, name))
        test = sorted(ordered[fold::folds]) if folds > 1 else []
    training = sorted(set(names) - set(test))
    kept: list[str] = []
    for label in labels.classes:
        mine = [name for name in training if labels.labels[name] == label]
        kept += some(mine, max(1, math.ceil(fraction * len(mine) - 1e-9)), seed)
    return sorted(kept), test


def _refuse_same(path: Path, keys: dict[str, str], training: list[str], test: list[str]) -> None:
    """Stops where a file lies in both parts under two names: its label would be known."""
    trained = {keys[name]: name for name in training}
    both = [(trained[keys[name]], name) for name in test if keys[name] in trained]
    if both:
        raise InputError(
            str(path),
            wanted="test scans that are not trained on",
            got=f"{len(both)} that are, under another name; first {both[0][1]!r}, the same scan as {both[0][0]!r}",
            do="remove one of the two rows, or give both the same split",
        )
