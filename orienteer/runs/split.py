"""split.json: which scans a run was trained on and which were held out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.runs.folder import SPLIT_FILE
from orienteer.scans.preparation import Preparation
from orienteer.store.store import Store

PARTS = ("training", "validation")


_DO = "restore it, or name a folder that `orienteer pretrain` made"


class EarlierScan(NamedTuple):
    """A scan that weights had seen before a run began.

    Attributes:
        name: of the scan, in the folder that it lay in.
        content: hash of its files.
        trained: whether they were trained on it; otherwise it was held out.
    """

    name: str
    content: str
    trained: bool


class _Row(TypedDict):
    key: str
    name: str
    content: NotRequired[str]
    patient: NotRequired[int]


class _Earlier(TypedDict):
    name: str
    content: str
    trained: bool


class _Split(TypedDict):
    training: list[_Row]
    validation: list[_Row]
    earlier: NotRequired[list[_Earlier]]


def write_split(
    folder: Path,
    training: Mapping[str, str],
    validation: Mapping[str, str],
    contents: Mapping[str, str] | None = None,
    patients: Mapping[str, str] | None = None,
    earlier: Iterable[EarlierScan] = (),
) -> None:
    """Writes split.json: key and name of every scan of each part.

    Args:
        folder: the run folder.
        training: names of the scans to train on, by key in the store.
        validation: names of the scans that are held out, by key.
        contents: hash of each scan's files by key. With it a fine-tuning can check whether its test scans were seen.
        patients: patient by key, where it is known. They are written as numbers that mean something within this file only.
        earlier: scans that the weights had seen before.
    """
    hashes, of_key = contents or {}, patients or {}
    order = {patient: number for number, patient in enumerate(dict.fromkeys(of_key.values()), 1)}
    rows = {
        part: [
            {
                "key": key,
                "name": name,
                **({"content": hashes[key]} if key in hashes else {}),
                **({"patient": order[of_key[key]]} if key in of_key else {}),
            }
            for key, name in scans.items()
        ]
        for part, scans in zip(PARTS, (training, validation), strict=True)
    }
    seen = [scan._asdict() for scan in earlier]
    write_json(folder / SPLIT_FILE, {**rows, **({"earlier": seen} if seen else {})}, indent=1)


def read_split(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the names of the training and of the held-out scans, by key.

    Raises:
        InputError: the folder has no split.json, or a damaged one.
    """
    training, validation = ({row["key"]: row["name"] for row in rows} for rows in _read(folder))
    for part, scans in zip(PARTS, (training, validation), strict=True):
        if not scans:
            raise _damaged(folder, f"at least one scan under `{part}`", "none")
    if both := sorted(training[key] for key in training.keys() & validation.keys()):
        raise _damaged(folder, "each scan in one part", f"{both[0]} in both")
    return training, validation


def read_split_contents(folder: Path) -> dict[str, str | None]:
    """Returns the content hash of every scan of the run by key; None in runs of versions that did not record it.

    Scans that its weights had seen before are there by their hash.

    Raises:
        InputError: the folder has no split.json, or a damaged one.
    """
    of_run = {row["key"]: row.get("content") for rows in _read(folder) for row in rows}
    return {**{scan.content: scan.content for scan in read_earlier(folder)}, **of_run}


def read_earlier(folder: Path) -> list[EarlierScan]:
    """Returns the scans that the weights of a run had seen before it began; none for a run from new weights.

    Raises:
        InputError: the folder has no split.json, or a damaged one.
    """
    rows: _Split = read_json(folder / SPLIT_FILE, _Split, wanted=f"a run folder with {SPLIT_FILE}", do=_DO)
    return [EarlierScan(row["name"], row["content"], row["trained"]) for row in rows.get("earlier", [])]


def seen_by(folder: Path) -> list[EarlierScan]:
    """Returns all scans that the weights of a run have seen: its own, and those from before it began.

    Scans of a version that did not record their content are left out.

    Raises:
        InputError: the folder has no split.json, or a damaged one.
    """
    parts = zip((True, False), _read(folder), strict=True)
    of_run = [
        EarlierScan(row["name"], row["content"], trained) for trained, rows in parts for row in rows if "content" in row
    ]
    before = read_earlier(folder)
    trained = {scan.content for scan in (*of_run, *before) if scan.trained}
    by_content = {scan.content: scan for scan in (*before, *of_run)}
    return [scan._replace(trained=content in trained) for content, scan in by_content.items()]


def read_patients(folder: Path) -> dict[str, int]:
    """Returns the number of the patient of each scan of the run by key, where it is known.

    Raises:
        InputError: the folder has no split.json, or a damaged one.
    """
    return {row["key"]: row["patient"] for rows in _read(folder) for row in rows if "patient" in row}


def _read(folder: Path) -> tuple[list[_Row], list[_Row]]:
    rows: _Split = read_json(folder / SPLIT_FILE, _Split, wanted=f"a run folder with {SPLIT_FILE}", do=_DO)
    return rows["training"], rows["validation"]


def _damaged(folder: Path, wanted: str, got: str) -> InputError:
    return InputError(str(folder / SPLIT_FILE), wanted=wanted, got=got, do=_DO)


def check_prepared(store: Store, names: Iterable[tuple[str, str]], preparation: Preparation) -> None:
    """Checks that all scans of a run are still in the store, and their arrays what was written.

    Processes that are forked afterwards, such as data loaders, need not read them in full again.

    Args:
        store: the store.
        names: key and name of each scan.
        preparation: how they were prepared.

    Raises:
        InputError: some are missing, with the name of the first.
        ScanError: one is damaged.
    """
    names = list(names)
    stored = set(store.keys(preparation.fingerprint()))
    missing = [name for key, name in names if key not in stored]
    if missing:
        raise InputError(
            f"store {store.folder}",
            wanted=f"the {len(names)} prepared scans of this run",
            got=f"{len(missing)} missing, first {missing[0]}",
            do="restore the store, or start a new run in another --out from the scans",
        )
    for key, _ in names:
        store.check(key)
