"""Finds test scans that the encoder was pretrained on: the same files, by content, whatever they are called."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.runs.folder import SPLIT_FILE
from orienteer.runs.run_config import read_config
from orienteer.runs.weights import SCRATCH
from orienteer.scans.store import Store


def pretraining_contents(start: str | None) -> set[str] | None:
    """Returns the content hashes of all scans that a run was trained or validated on.

    Args:
        start: a run folder, a weights file in one, or ``scratch``.

    Returns:
        An empty set for ``scratch``; None where nobody can tell: weights without their run folder, or a run of an older
        version whose store is gone.
    """
    if start in (None, SCRATCH):
        return set()
    path = Path(str(start))
    folder = path if path.is_dir() else path.parent
    try:
        rows: dict[str, list[dict[str, Any]]] = json.loads((folder / SPLIT_FILE).read_text())
        scans = [row for part in rows.values() for row in part]
        if all("content" in row for row in scans):
            return {row["content"] for row in scans}
        with Store.open(read_config(folder).store or "") as store:
            return {store.scan(row["key"]).content for row in scans}
    except (OSError, ValueError, KeyError, InputError):
        return None


def overlap_warning(start: str | None, test: Mapping[str, str], found: list[str] | None) -> str:
    """Returns what to say about test scans that were seen in pretraining; nothing where there are none.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
        found: those of them that were seen, None where nobody can tell.

    Example:
        >>> overlap_warning("runs/ct", {"a": "1", "b": "2"}, ["a"]).splitlines()[0]
        'WARNING: 1 of 2 test scans were in the pretraining of runs/ct, first a.'
    """
    if found is None:
        return (
            f"note: whether test scans were in the pretraining of {start} cannot be told: "
            "its split.json or its store is not there"
        )
    if not found:
        return ""
    return (
        f"WARNING: {len(found)} of {len(test)} test scans were in the pretraining of {start}, first {found[0]}.\n"
        "The encoder has seen them, without labels: scores on them are too good for scans that are new to it.\n"
        "Do this: pretrain without them (--exclude), or test on other cases."
    )


def seen_before(start: str | None, test: Mapping[str, str]) -> list[str] | None:
    """Returns the names of test scans that the weights' pretraining saw; None where nobody can tell."""
    contents = pretraining_contents(start)
    return None if contents is None else sorted(name for name, content in test.items() if content in contents)
