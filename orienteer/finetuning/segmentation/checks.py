"""What is looked at before a segmentation is trained, and said: classes, empty cases, overlap, the split."""

import json
from collections.abc import Mapping
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import write_json
from orienteer.labelled.cases import LabelledCase, PreparedCases, label_counts
from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.progress import say
from orienteer.scans.index import Failure

SPLIT_FILE = "split.json"
MOST_LINES = 5
"""Cases that are named on the screen; the rest are in failures.csv."""


def check_classes(prepared: PreparedCases, training: list[str], test: list[str]) -> list[str]:
    """Returns the classes that no training case has, and says so.

    Raises:
        InputError: no training case has any foreground.
    """
    names = list(prepared.classes.values())
    trained = label_counts(prepared.cases, training)
    if not trained[1:].any():
        raise InputError(
            "data",
            wanted="training cases with something labelled",
            got=f"{len(training)} without any foreground",
            do="check the label maps, or use a larger --fraction",
        )
    empty = [name for name in training + test if not any(prepared.cases[name].voxels[1:])]
    if empty:
        say(f"note: {len(empty)} cases have no foreground, first {empty[0]}; they are used as they are")
    absent = [name for name, count in zip(names, trained.tolist(), strict=True) if not count]
    for name in absent:
        say(
            f"WARNING: class '{name}' is in none of the {len(training)} training cases, so it cannot be learned. "
            "Do this: use a larger --fraction or another --seed, or take the class out of `labels`."
        )
    return absent


def check_overlap(start: str | None, cases: Mapping[str, LabelledCase], test: list[str]) -> tuple[int | None, str]:
    """Returns how many test cases the weights' pretraining saw (None: nobody can tell), and what to say about it."""
    contents = {name: cases[name].content for name in test}
    seen = seen_before(start, contents)
    return None if seen is None else len(seen), overlap_warning(start, contents, seen)


def keep_split(folder: Path, resume: bool, training: list[str], test: list[str]) -> None:
    """Writes split.json.

    Raises:
        InputError: a resumed fine-tuning would have another split than it began with.
    """
    file, rows = folder / SPLIT_FILE, {"training": training, "test": test}
    if resume and file.is_file() and json.loads(file.read_text()) != rows:
        raise InputError(
            "data",
            wanted="the cases that the fine-tuning began with, as in split.json",
            got="others",
            do="put the data back as they were, or start again in another --out",
        )
    write_json(file, rows, indent=1)


def tell_failures(failures: tuple[Failure, ...]) -> None:
    """Names the cases that are set aside, the first few with the reason."""
    for failure in failures[:MOST_LINES]:
        say(f"set aside: {failure.name}: {failure.reason}. Do this: {failure.do.rstrip('.')}.")
    if len(failures) > MOST_LINES:
        say(f"set aside: {len(failures) - MOST_LINES} more, see failures.csv")
