"""Scans with one label each, from a CSV: prepared, and split into training and test scans."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.failures import failures_text
from orienteer.labelled.label_csv import LabelTable, check_classes, match_scans, read_label_csv
from orienteer.labelled.prepared import prepare_named
from orienteer.labelled.split import check_folds, draw_cases, limit_cases
from orienteer.progress import say
from orienteer.scans.discover import discover
from orienteer.scans.patients import Evidence, by_file_name, find_patients, refuse_shared, units
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.store.outcomes import Failure


@dataclass(frozen=True)
class LabelledScan:
    """A scan in the store and its class.

    Attributes:
        name: as in the CSV.
        key: of the scan in the store.
        label: number of its class.
        source: its files.
    """

    name: str
    key: str
    label: int
    source: ScanSource


@dataclass(frozen=True)
class LabelledScans:
    """The scans of a CSV that can be used.

    Attributes:
        training: scans to train on.
        test: scans to score.
        classes: names by number.
        failures: scans that cannot be used, with the reason.
    """

    training: tuple[LabelledScan, ...]
    test: tuple[LabelledScan, ...]
    classes: tuple[str, ...]
    failures: tuple[Failure, ...]


def find_scans(path: Path, labels: LabelTable, scans: str | Path | None) -> Discovery:
    """Returns the scans that a CSV names.

    Args:
        path: the CSV.
        labels: its contents.
        scans: folder of the scans; by default the folder of the CSV.

    Raises:
        InputError: names that no scan has, or that several have.
    """
    folder = Path(scans) if scans is not None else path.parent
    matches = match_scans(str(path), labels.labels, discover(folder).sources, "the folder of scans")
    by_source: dict[str, str] = {}
    for name, source in matches.items():
        if source.name in by_source:
            got = f"{by_source[source.name]!r} and {name!r}, which are the same scan"
            raise InputError(str(path), wanted="each scan in one row", got=got, do="remove one of the rows")
        by_source[source.name] = name
    return Discovery(tuple(sorted(matches.values(), key=lambda source: source.name)), ())


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
    group_by: str | None = None,
) -> LabelledScans:
    """Returns the scans of a CSV, prepared and split into training and test scans.

    The column `split` decides; without one, the scans of each class are dealt to folds by name, so that every class is in all
    folds. Scans of one patient stay together.

    Args:
        path: CSV of scan, label and, optionally, split.
        scans: folder of the scans; by default the folder of the CSV.
        preparation: how scans are prepared.
        selection: how files are read.
        folds: number of parts that scans are dealt into, without a column `split`.
        fold: which part is the test set.
        fraction: share of the training scans of each class to use.
        seed: decides which scans are used where only a part is.
        train_cases: use only so many training scans.
        test_cases: use only so many test scans.
        group_by: which scans are of one patient, see `Evidence`.

    Raises:
        InputError: a CSV that cannot be used, missing scans, or a class without a scan to train on.
    """
    path, labels = Path(path), read_label_csv(path)
    discovery = find_scans(path, labels, scans)
    prepared = prepare_named(discovery, store, preparation, selection, workers, shown)
    if prepared.failures:
        say(failures_text(prepared.failures))
    matches = match_scans(str(path), labels.labels, discovery.sources, "the folder of scans")
    keys = {name: prepared.keys[source.name] for name, source in matches.items() if source.name in prepared.keys}
    hashes = {name: prepared.patients.get(source.name, "") for name, source in matches.items()}
    hashes = {name: patient for name, patient in hashes.items() if patient}
    groups = find_patients(list(keys), Evidence(labels.groups, group_by, keys, hashes))
    training, test = _split_scans(labels, list(keys), folds, fold, fraction, seed, groups)
    training, test = limit_cases(training, train_cases, seed), limit_cases(test, test_cases, seed)
    _check_apart(path, keys, training, test)
    refuse_shared(str(path), {"train": training, "test": test}, groups)
    check_classes(str(path), labels, training)
    classes = tuple(labels.classes)

    def pick(names: list[str]) -> tuple[LabelledScan, ...]:
        return tuple(
            LabelledScan(name, keys[name], classes.index(labels.labels[name]), matches[name]) for name in names
        )

    return LabelledScans(pick(training), pick(test), classes, prepared.failures)


def _split_scans(
    labels: LabelTable,
    names: list[str],
    folds: int,
    fold: int,
    fraction: float,
    seed: int,
    groups: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """Returns training and test scans; without a split column each class is dealt in turn to the folds, by name."""
    if labels.splits is not None:
        test = sorted(name for name in names if labels.splits[name] == "test")
    else:
        ordered = sorted(by_file_name(names), key=lambda name: labels.labels[name])
        together = units(ordered, groups)
        check_folds(folds, len(together), "scans" if len(together) == len(names) else "patients")
        test = sorted(name for unit in together[fold::folds] for name in unit) if folds > 1 else []
    training = sorted(set(names) - set(test))
    kept: list[str] = []
    for label in labels.classes:
        of_class = [name for name in training if labels.labels[name] == label]
        kept += draw_cases(of_class, fraction, seed)
    return sorted(kept), test


def _check_apart(path: Path, keys: dict[str, str], training: list[str], test: list[str]) -> None:
    """Stops where the same scan is in both parts under two names: its label would be known."""
    trained = {keys[name]: name for name in training}
    both = [(trained[keys[name]], name) for name in test if keys[name] in trained]
    if both:
        raise InputError(
            str(path),
            wanted="test scans that are not trained on",
            got=f"{len(both)} that are, under another name; first {both[0][1]!r}, the same scan as {both[0][0]!r}",
            do="remove one of the two rows, or give both the same split",
        )
