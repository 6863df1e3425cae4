"""What a pretraining saw: the content hashes of its scans, which are the same whatever the files are called."""

import os
from pathlib import Path
from typing import NotRequired, TypedDict

from orienteer.errors import InputError
from orienteer.files import read_yaml
from orienteer.runs.folder import CONFIG_FILE
from orienteer.runs.split import read_split_contents
from orienteer.runs.weights import SCRATCH
from orienteer.store.store import Store

DAMAGED = (OSError, InputError)
"""What a run folder or a store raises that is missing, or damaged in any way."""


class _RunSettings(TypedDict):
    store: NotRequired[str | None]
    group_by: NotRequired[str | None]


def run_folder(start: str | None) -> Path:
    """Returns the folder of the run that weights came from.

    Args:
        start: a run folder, or a weights file in one.
    """
    path = Path(str(start))
    return path if path.is_dir() else path.parent


def run_settings(start: str | None) -> _RunSettings:
    """Returns the settings of a run that say which scans it saw, and of which patients.

    Raises:
        InputError: the run folder has no config.yaml, or a damaged one.
    """
    settings: _RunSettings = read_yaml(run_folder(start) / CONFIG_FILE, _RunSettings)
    return settings


def pretraining_store(start: str | None) -> Store:
    """Returns the store of a pretraining: the one that it names, or the one beside its folder where it was moved.

    Raises:
        InputError: neither is there, or the run folder is damaged.
    """
    named, beside = run_settings(start).get("store"), run_folder(start).resolve().parent / "store"
    return Store.open(named if named is not None and (os.path.isdir(named) or not beside.is_dir()) else beside)


def pretraining_contents(start: str | None) -> set[str] | None:
    """Returns the content hashes of all scans that a run was trained or validated on.

    Args:
        start: a run folder, a weights file in one, or ``scratch``.

    Returns:
        An empty set for ``scratch``; None where it cannot be determined: weights without their run folder, or a run of an
        older version whose store is missing.
    """
    if start in (None, SCRATCH):
        return set()
    folder = run_folder(start)
    try:
        contents = read_split_contents(folder)
        known = {content for content in contents.values() if content is not None}
        unknown = [key for key, content in contents.items() if content is None]
        if unknown:
            with pretraining_store(start) as store:
                known |= {store.scan(key).content for key in unknown}
        return known
    except DAMAGED:
        return None
