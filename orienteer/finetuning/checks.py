"""Checks before any training, common to all tasks: scans seen in pretraining, and the split of a resumed run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.scans.source import ScanSource
from orienteer.settings import plain

SPLIT_FILE = "split.json"

_RESTORE = "restore the data, or start again in another --out"


def check_overlap(start: str, contents: Mapping[str, str], sources: Mapping[str, ScanSource]) -> tuple[int | None, str]:
    """Returns how many test scans the weights' pretraining saw (None: unknown), and the warning for the user.

    Args:
        start: ``scratch``, or where the weights come from.
        contents: hash of the files of each test scan, by name.
        sources: the files, by name.
    """
    seen = seen_before(start, contents)
    return None if seen is None else len(seen), overlap_warning(start, contents, seen, sources)


def without_path(warning: str, start: str) -> str:
    """Returns a warning for a page that may be passed on: it names the weights, not where they lie.

    Example:
        >>> without_path("WARNING: 1 of 2 test scans were in the pretraining of runs/a/ct, first a.", "runs/a/ct")
        '1 of 2 test scans were in the pretraining of ct, first a.'
    """
    named = f"pretraining of {Path(start).resolve().name}"
    return warning.replace("WARNING: ", "").replace(f"pretraining of {start}", named)


def write_same_split(folder: Path, split: Mapping[str, Any], contents: Mapping[str, str], resume: bool) -> None:
    """Writes split.json, which must not change when a fine-tuning is resumed.

    Args:
        folder: of the fine-tuning.
        split: what the parts hold, by name.
        contents: what the files of each case hold, as a hash, by its name.
        resume: whether the fine-tuning began before.

    Raises:
        InputError: the resumed fine-tuning began with another split, or with other files of the same names.
    """
    file = folder / SPLIT_FILE
    if resume and file.is_file():
        before = read_json(file, wanted="the split that the fine-tuning began with", do=_RESTORE)
        known = before.pop("contents", {})  # older versions wrote none
        known = known if isinstance(known, dict) else {}
        changed = sorted(name for name, content in known.items() if contents.get(name) != content)
        if before != plain(split) or changed:
            raise InputError(
                "data",
                wanted="the cases and labels that the fine-tuning began with, as in split.json",
                got=f"other files under the same names, first {changed[0]}" if before == plain(split) else "others",
                do=_RESTORE,
            )
    write_json(file, {**split, "contents": dict(contents)}, indent=1)
