"""Checks of the labels before a segmentation is trained: classes without training cases, cases without foreground."""

from orienteer.errors import InputError
from orienteer.labelled.cases import PreparedCases, label_counts
from orienteer.progress import say
from orienteer.store.outcomes import Failure

MOST_LINES = 5
"""Cases that are listed on the screen; the others are in failures.csv."""


def check_classes(prepared: PreparedCases, training: list[str], test: list[str]) -> list[str]:
    """Returns the classes that no training case has, with a warning for each.

    Raises:
        InputError: no training case has any foreground.
    """
    names = list(prepared.classes.values())
    trained = label_counts(prepared.cases, training)
    if not trained[1:].any():
        raise InputError(
            "data",
            wanted="training cases with foreground",
            got=f"{len(training)} without any",
            do="check the label maps, or use a larger --fraction",
        )
    empty = [name for name in training + test if not any(prepared.cases[name].voxels[1:])]
    if empty:
        say(f"note: {len(empty)} cases have no foreground, first {empty[0]}; they are used nevertheless")
    absent = [name for name, count in zip(names, trained.tolist(), strict=True) if not count]
    for name in absent:
        say(
            f"WARNING: class '{name}' is in none of the {len(training)} training cases, so it cannot be learned. "
            "Do this: use a larger --fraction or another --seed, or remove the class from `labels`."
        )
    return absent


def print_failures(failures: tuple[Failure, ...]) -> None:
    """Prints the cases that are set aside, the first few with the reason."""
    for failure in failures[:MOST_LINES]:
        say(f"set aside: {failure.name}: {failure.reason}. Do this: {failure.do.rstrip('.')}.")
    if len(failures) > MOST_LINES:
        say(f"set aside: {len(failures) - MOST_LINES} more, see failures.csv")
