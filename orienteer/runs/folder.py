"""The run folder: made once, never overwritten, used by one process at a time, and complete enough to run again."""

import json
import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from orienteer.errors import InputError
from orienteer.files import Lock, is_leftover, write_csv, write_json, write_text
from orienteer.runs.config import PretrainConfig, make_config
from orienteer.scans.index import Failure
from orienteer.scans.preparation import Preparation
from orienteer.scans.store import Store
from orienteer.settings import plain

CONFIG_FILE, SPLIT_FILE, SUMMARY_FILE = "config.yaml", "split.json", "summary.json"
COUNTS_FILE, FAILURES_FILE = "scans.json", "failures.csv"
LOCK_FILE, READY_FILE = ".lock", ".ready"
MAY_DIFFER = {"workers", "devices", "nodes", "accelerator", "prepare_workers", "resume", "out", "pictures", "probe"}
"""Settings that may differ when a run is resumed: they change how fast it goes, not what comes out."""

_PACKAGES = ("orienteer", "torch", "monai", "pytorch-lightning", "SimpleITK", "blosc2", "numpy", "scikit-learn")


@contextmanager
def opened(folder: Path, resume: bool) -> Iterator[None]:
    """Makes the output folder of a command, or takes one up again, and keeps other processes out while the block runs.

    Where the block ends with an `InputError` and nothing was written, the folder is removed, so that the same command can
    be given again.

    Args:
        folder: a new or empty folder; with ``resume`` one that holds a config.yaml.
        resume: whether a run in it is to go on.

    Raises:
        InputError: the folder holds something and ``resume`` is not asked for, or it is asked for and there is no run, or
            another process is using it.
    """
    there = (folder / CONFIG_FILE).is_file()
    if resume and not there:
        raise InputError(
            "resume", wanted=f"a run folder with {CONFIG_FILE}", got=str(folder), do="name the run with --out"
        )
    if not resume and folder.exists() and not _is_free(folder):
        raise InputError(
            "out",
            wanted="a new or empty folder",
            got=f"{folder}, which holds {'a run' if there else 'other files'}",
            do="use --resume to go on with it, or choose another --out" if there else "choose another --out",
        )
    with locked(folder):
        (folder / READY_FILE).unlink(missing_ok=True)  # of a launch that was killed
        yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps an output folder for this process while the block runs; makes it if need be.

    Raises:
        InputError: another process is using it.
    """

    def busy(holder: str) -> InputError:
        got, do = f"{folder}, in use by {holder}", "wait for it to end, or choose another --out"
        return InputError("out", wanted="a folder that no other command uses", got=got, do=do)

    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder / LOCK_FILE, busy)
    lock.acquire()
    try:
        yield
    except InputError:
        if all(path.name.startswith(LOCK_FILE) for path in folder.iterdir()):
            lock.release()
            folder.rmdir()
        raise
    finally:
        lock.release()


def write_config(folder: Path, settings: Mapping[str, Any], command: str = "pretrain") -> None:
    """Writes config.yaml: every setting of a command, resolved."""
    text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
    write_text(folder / CONFIG_FILE, f"# Run this again: orienteer {command} --config {CONFIG_FILE} --out NEW\n{text}")


def read_settings(folder: Path, command: str = "pretrain") -> dict[str, Any]:
    """Returns what config.yaml holds.

    Raises:
        InputError: the folder has no config.yaml, or one that cannot be read.
    """
    try:
        settings = yaml.safe_load((folder / CONFIG_FILE).read_text())
        if not isinstance(settings, dict):
            raise ValueError("no table of settings")
        return settings
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(
            str(folder),
            wanted=f"a run folder with {CONFIG_FILE}",
            got=f"none that can be read ({type(error).__name__})",
            do=f"name a folder that `orienteer {command}` made",
        ) from error


def read_config(folder: Path) -> PretrainConfig:
    """Returns the settings of a pretraining run.

    Raises:
        InputError: the folder is not a run folder, or its config.yaml cannot be read.
    """
    return make_config(read_settings(folder))


def check_unchanged(before: Any, now: Any, given: Collection[str], may_differ: Collection[str]) -> None:
    """Stops where settings given with ``--resume`` contradict those that a run began with.

    Args:
        before: the settings, a dataclass, that the run began with.
        now: the same dataclass, made from what was given.
        given: names of the settings that were given.
        may_differ: names of those that change how fast it goes, not what comes out.

    Raises:
        InputError: naming the first setting that differs.
    """
    old = plain(before)
    for name, value in plain(now).items():
        if name in given and name not in may_differ and value is not None and value != old[name]:
            raise InputError(
                name,
                wanted=f"{old[name]}, as the run began",
                got=str(value),
                do="leave it out with --resume, or start again in another --out",
            )


def write_split(
    folder: Path, training: dict[str, str], validation: dict[str, str], contents: Mapping[str, str] | None = None
) -> None:
    """Writes split.json: which scans were trained on and which were held out, key and name of each.

    Args:
        contents: hash of each scan's files by key, by which a fine-tuning finds out whether its test scans were seen.
    """
    parts, known = {"training": training, "validation": validation}, contents or {}
    rows = {
        part: [
            {"key": key, "name": name, **({"content": known[key]} if key in known else {})}
            for key, name in scans.items()
        ]
        for part, scans in parts.items()
    }
    write_json(folder / SPLIT_FILE, rows, indent=1)


def read_split(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the training and the held-out scans, name by key."""
    rows = json.loads((folder / SPLIT_FILE).read_text())
    training, validation = ({row["key"]: row["name"] for row in rows[part]} for part in ("training", "validation"))
    return training, validation


def read_split_contents(folder: Path) -> dict[str, str | None]:
    """Returns the hash of each scan's files by key, of training and held-out scans; None in runs of older versions."""
    rows = json.loads((folder / SPLIT_FILE).read_text())
    return {row["key"]: row.get("content") for part in rows.values() for row in part}


def write_environment(folder: Path, config: PretrainConfig, data_fingerprint: str, device: str) -> None:
    """Writes environment.json: versions, seed, device, data fingerprint. Nothing that names a person or a machine."""
    facts = {
        "versions": {package: version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "device": device,
        "seed": config.seed,
        "data_fingerprint": data_fingerprint,
    }
    write_json(folder / "environment.json", facts)


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes summary.json."""
    write_json(folder / SUMMARY_FILE, summary)


def read_summary(folder: Path) -> dict[str, Any]:
    """Returns summary.json."""
    return json.loads((folder / SUMMARY_FILE).read_text())


def write_counts(folder: Path, counts: dict[str, int]) -> None:
    """Writes how many scans were read, failed and left out, for a run that is resumed."""
    write_json(folder / COUNTS_FILE, counts, indent=None)


def read_counts(folder: Path) -> dict[str, int]:
    """Returns what `write_counts` wrote."""
    return json.loads((folder / COUNTS_FILE).read_text())


def write_failures(folder: Path, failures: Iterable[Failure], too_small: Mapping[str, str]) -> None:
    """Writes failures.csv: every scan that is not trained on, at which step it failed, why, and what to do."""
    rows = [[failure.name, failure.step, failure.reason, failure.do] for failure in failures]
    smaller = "make views smaller with --view-size or --spacing-mm, or leave the scan out with --exclude"
    rows += [[name, "fit", reason, smaller] for name, reason in too_small.items()]
    write_csv(folder / FAILURES_FILE, ["scan", "step", "reason", "what to do"], rows)


def check_prepared(store: Store, names: Mapping[str, str], config: PretrainConfig) -> None:
    """Stops where prepared scans of a run are gone from the store.

    Raises:
        InputError: naming the first one and how to prepare it again.
    """
    there = set(store.keys(config.part(Preparation).fingerprint()))
    gone = [name for key, name in names.items() if key not in there]
    if gone:
        raise InputError(
            f"store {config.store}",
            wanted=f"the {len(names)} prepared scans of this run",
            got=f"{len(gone)} missing, first {gone[0]}",
            do="put the store back, or start a new run in another --out from the scans",
        )


def fingerprint(contents: Iterable[str]) -> str:
    """Returns one hash for a set of scans, whatever their names and order."""
    import hashlib

    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()[:16]


def _is_free(folder: Path) -> bool:
    """Whether a folder is empty, or holds only what a run that was killed while preparing left behind."""
    remains = {LOCK_FILE, f"{LOCK_FILE}.holder", READY_FILE, SPLIT_FILE, COUNTS_FILE, FAILURES_FILE}
    return folder.is_dir() and all(path.name in remains or is_leftover(path) for path in folder.iterdir())
