"""The run folder: made once, never overwritten, used by one process at a time, and complete enough to run again."""

import csv
import io
import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from orienteer.errors import InputError
from orienteer.scans.prepare import Failure, Preparation
from orienteer.scans.store import Store
from orienteer.training.config import PretrainConfig, make_config
from orienteer.training.weights import write_whole

CONFIG_FILE, SPLIT_FILE, SUMMARY_FILE = "config.yaml", "split.json", "summary.json"
COUNTS_FILE, FAILURES_FILE = "scans.json", "failures.csv"
MAY_DIFFER = {"workers", "devices", "nodes", "accelerator", "prepare_workers", "resume", "out", "pictures", "probe"}
"""Settings that may differ when a run is resumed: they change how fast it goes, not what comes out."""

_PACKAGES = ("orienteer", "torch", "monai", "pytorch-lightning", "SimpleITK", "blosc2", "numpy", "scikit-learn")


def open_run(folder: Path, resume: bool) -> None:
    """Makes a run folder, or takes one up again, and marks it as in use by this process.

    Raises:
        InputError: the folder holds something and ``resume`` is not asked for, or it is asked for and there is no run, or
            another process is using it.
    """
    config, lock = folder / CONFIG_FILE, folder / ".lock"
    if resume and not config.is_file():
        raise InputError(
            "resume", wanted=f"a run folder with {CONFIG_FILE}", got=str(folder), do="name the run with --out"
        )
    if not resume and folder.exists() and not _is_free(folder):
        run = config.is_file()
        raise InputError(
            "out",
            wanted="a new or empty folder",
            got=f"{folder}, which holds {'a run' if run else 'other files'}",
            do="use --resume to go on with it, or choose another --out" if run else "choose another --out",
        )
    folder.mkdir(parents=True, exist_ok=True)
    _take_lock(lock, folder)
    (folder / ".ready").unlink(missing_ok=True)  # of a launch that was killed


def close_run(folder: Path) -> None:
    """Gives the folder free."""
    (folder / ".lock").unlink(missing_ok=True)
    (folder / ".ready").unlink(missing_ok=True)


def write_config(folder: Path, config: PretrainConfig) -> None:
    """Writes config.yaml: every setting, resolved."""
    text = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
    write_whole(
        folder / CONFIG_FILE, f"# Run this again: orienteer pretrain --config {CONFIG_FILE} --out NEW\n{text}".encode()
    )


def read_config(folder: Path) -> PretrainConfig:
    """Returns the settings of a run.

    Raises:
        InputError: the folder is not a run folder, or its config.yaml cannot be read.
    """
    try:
        settings = yaml.safe_load((folder / CONFIG_FILE).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(
            str(folder),
            wanted=f"a run folder with {CONFIG_FILE}",
            got=f"none that can be read ({type(error).__name__})",
            do="name a folder that `orienteer pretrain` made",
        ) from error
    return make_config(settings)


def check_same(before: PretrainConfig, given: dict[str, Any]) -> None:
    """Stops where settings given with ``--resume`` contradict those that the run began with.

    Raises:
        InputError: naming the first setting that differs.
    """
    old = before.to_dict()
    for name, value in make_config(given).to_dict().items():
        if name in given and name not in MAY_DIFFER and value != old[name] and given[name] is not None:
            raise InputError(
                name,
                wanted=f"{old[name]}, as the run began",
                got=str(value),
                do="leave it out with --resume, or start a new run in another --out",
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
    write_whole(folder / SPLIT_FILE, (json.dumps(rows, indent=1) + "\n").encode())


def read_split(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the training and the held-out scans, name by key."""
    rows = json.loads((folder / SPLIT_FILE).read_text())
    training, validation = ({row["key"]: row["name"] for row in rows[part]} for part in ("training", "validation"))
    return training, validation


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
    write_whole(folder / "environment.json", (json.dumps(facts, indent=2) + "\n").encode())


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes summary.json."""
    write_whole(folder / SUMMARY_FILE, (json.dumps(summary, indent=2) + "\n").encode())


def read_summary(folder: Path) -> dict[str, Any]:
    """Returns summary.json."""
    return json.loads((folder / SUMMARY_FILE).read_text())


def write_counts(folder: Path, counts: dict[str, int]) -> None:
    """Writes how many scans were read, failed and left out, for a run that is resumed."""
    write_whole(folder / COUNTS_FILE, (json.dumps(counts) + "\n").encode())


def read_counts(folder: Path) -> dict[str, int]:
    """Returns what `write_counts` wrote."""
    return json.loads((folder / COUNTS_FILE).read_text())


def write_failures(folder: Path, failures: Iterable[Failure], too_small: Mapping[str, str]) -> None:
    """Writes failures.csv: every scan that is not trained on, at which step it failed, why, and what to do."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["scan", "step", "reason", "what to do"])
    rows.writerows([failure.name, failure.step, failure.reason, failure.do] for failure in failures)
    smaller = "make views smaller with --view-size or --spacing-mm, or leave the scan out with --exclude"
    rows.writerows([name, "fit", reason, smaller] for name, reason in too_small.items())
    write_whole(folder / FAILURES_FILE, text.getvalue().encode())


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


def forget_if_empty(folder: Path) -> None:
    """Removes a run folder in which nothing was written, so that the same command can be given again."""
    (folder / ".lock").unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def fingerprint(contents: Iterable[str]) -> str:
    """Returns one hash for a set of scans, whatever their names and order."""
    import hashlib

    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()[:16]


def _is_free(folder: Path) -> bool:
    """Whether a folder is empty, or holds only what a run that was killed while preparing left behind."""
    remains = {".lock", ".ready", SPLIT_FILE, COUNTS_FILE, FAILURES_FILE}
    return folder.is_dir() and all(path.name in remains for path in folder.iterdir())


def _take_lock(lock: Path, folder: Path) -> None:
    try:
        owner = int(lock.read_text())
        os.kill(owner, 0)
    except (OSError, ValueError):
        lock.write_text(str(os.getpid()))
        return
    if owner != os.getpid():
        raise InputError(
            "out",
            wanted="a folder that no other run uses",
            got=f"{folder}, in use by process {owner}",
            do="wait for it to end, or choose another --out",
        )
