"""The output folder of a command: created once, never overwritten, used by one process at a time, with its config.yaml."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from orienteer.errors import InputError
from orienteer.files import is_leftover, read_yaml, write_text, written
from orienteer.locks import Lock
from orienteer.runs.hub import agrees, is_address
from orienteer.settings import plain

CONFIG_FILE, SPLIT_FILE, COUNTS_FILE, FAILURES_FILE = "config.yaml", "split.json", "scans.json", "failures.csv"
START_FILE = "start.json"
"""What a training began with, where that was not new weights: whose they were, and what became of each tensor."""

LOCK_FILE, READY_FILE = ".lock", ".ready"


def last_checkpoint(folder: Path) -> Path:
    """Returns the path of a run's last.ckpt."""
    return folder / "checkpoints" / "last.ckpt"


@contextmanager
def opened(folder: Path, resume: bool) -> Iterator[None]:
    """Creates the output folder of a command, or opens that of a run to resume, and locks it while the block runs.

    If the block ends with an `InputError` before anything was written, the folder is removed, so that the corrected command
    can use it.

    Args:
        folder: a new or empty folder; with ``resume`` one that holds a config.yaml.
        resume: whether to resume the run in it.

    Raises:
        InputError: the folder is not empty and ``resume`` is not set, or it is set and there is no run, or another process
            is using the folder.
    """
    holds_run = (folder / CONFIG_FILE).is_file()
    if resume and not holds_run:
        raise InputError(
            "resume", wanted=f"a run folder with {CONFIG_FILE}", got=str(folder), do="name the run with --out"
        )
    if not resume and folder.exists() and not _is_free(folder):
        raise InputError(
            "out",
            wanted="a new or empty folder",
            got=f"{folder}, which holds {'a run' if holds_run else 'other files'}",
            do="use --resume to continue it, or choose another --out" if holds_run else "choose another --out",
        )
    with locked(folder):
        with written(folder / READY_FILE):
            (folder / READY_FILE).unlink(missing_ok=True)  # left by a launch that was killed
        yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks an output folder for this process while the block runs; creates it if it does not exist.

    Raises:
        InputError: another process is using it.
    """

    def busy(holder: str) -> InputError:
        got, do = f"{folder}, in use by {holder}", "wait until it has finished, or choose another --out"
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
    """Writes config.yaml: every setting of a command, with the values that were chosen.

    Whether this call resumed or was watched is not one of them: what a run repeats is the run, not the call.
    """
    kept = {name: False if name in ("resume", "watch") else value for name, value in settings.items()}
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    write_text(folder / CONFIG_FILE, f"# Run this again: orienteer {command} --config {CONFIG_FILE} --out NEW\n{text}")


def read_settings(folder: Path, command: str = "pretrain") -> dict[str, Any]:
    """Returns the content of config.yaml.

    Raises:
        InputError: the folder has no config.yaml, or a damaged one; or it is an address on the hub, which holds no run.
    """
    if is_address(folder):
        do = "fetch the run folder itself; embed, probe, finetune, export and --weights take the encoder alone"
        raise InputError(str(folder), wanted="a run folder, with its tasks", got="weights on the hub", do=do)
    do = f"restore it, or name a folder that `orienteer {command}` made"
    settings: dict[str, Any] = read_yaml(folder / CONFIG_FILE, wanted=f"a run folder with {CONFIG_FILE}", do=do)
    return settings


def check_unchanged(before: Any, now: Any, given: Collection[str], may_differ: Collection[str]) -> None:
    """Checks settings given together with ``--resume`` against those that the run started with.

    What was left open then has a value now: ``auto`` agrees with any, and a table with one that holds more.

    Args:
        before: the settings that the run started with, a dataclass.
        now: the settings made from what was given, a dataclass with the same fields.
        given: names of the settings that were given.
        may_differ: names of settings that may change because they do not affect the result.

    Raises:
        InputError: the first setting that differs.
    """
    old = plain(before)
    for name, value in plain(now).items():
        if name in given and name not in may_differ and not _agrees(value, old[name]):
            raise InputError(
                name,
                wanted=f"{old[name]}, the value that the run started with",
                got=str(value),
                do=f"resume without {name}, or start a new run in another --out",
            )


def _agrees(given: Any, begun: Any) -> bool:
    if isinstance(given, Mapping) and isinstance(begun, Mapping):
        return all(key in begun and _agrees(value, begun[key]) for key, value in given.items())
    if isinstance(given, str) and isinstance(begun, str) and is_address(given) and is_address(begun):
        return agrees(given, begun)
    return given in (None, "auto") or bool(plain(given) == plain(begun))


def _is_free(folder: Path) -> bool:
    """Returns whether a folder is empty, or holds only what a run left that was killed before it had a config.yaml."""
    leftovers = {
        LOCK_FILE,
        f"{LOCK_FILE}.holder",
        READY_FILE,
        SPLIT_FILE,
        COUNTS_FILE,
        FAILURES_FILE,
        START_FILE,
    }
    return folder.is_dir() and all(path.name in leftovers or is_leftover(path) for path in folder.iterdir())
