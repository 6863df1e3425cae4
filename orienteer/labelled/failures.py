"""Scans and cases that cannot be used: as a message, as failures.csv, and as an error when none is left."""

from collections.abc import Collection, Sequence
from pathlib import Path

from orienteer.errors import InputError, ScanError
from orienteer.files import write_csv
from orienteer.store.outcomes import Failure

FAILURES_FILE = "failures.csv"


def failure_of(name: str, error: ScanError) -> Failure:
    """Returns the record of a scan that could not be used."""
    return Failure(name, error.step, f"wanted {error.wanted}, got {error.got}", error.do)


def failures_text(failures: Sequence[Failure], most: int = 5) -> str:
    """Returns the scans that cannot be used, counted and named, one a line; an empty text where there are none.

    Example:
        >>> print(failures_text((Failure("a.nii", "read", "an empty file", "copy it again"),)))
        1 scan cannot be used:
          a.nii (read): an empty file. Do this: copy it again.
    """
    if not failures:
        return ""
    lines = [f"{len(failures)} {'scan' if len(failures) == 1 else 'scans'} cannot be used:"]
    lines += [
        f"  {item.name} ({item.step}): {item.reason}. Do this: {item.do.rstrip('.')}." for item in failures[:most]
    ]
    return "\n".join(lines + ([f"  ... and {len(failures) - most} more"] if len(failures) > most else []))


def write_failures(folder: Path, failures: Sequence[Failure]) -> None:
    """Writes failures.csv: every case that was set aside, at which step, why, and what to do."""
    rows = [[item.name, item.step, item.reason, item.do] for item in failures]
    write_csv(folder / FAILURES_FILE, ["case", "step", "reason", "what to do"], rows)


def require_usable(what: str, wanted: str, usable: Collection[object], failures: Sequence[Failure]) -> None:
    """Stops where nothing is left to work with.

    Args:
        what: the argument that named the scans.
        wanted: what is needed.
        usable: what is left.
        failures: what is not, at least one where nothing is left.

    Raises:
        InputError: with the first failure and what to do about it.
    """
    if not usable:
        first = failures[0]
        got = f"{len(failures)} that cannot; {first.name}: {first.reason}"
        raise InputError(what, wanted=wanted, got=got, do=first.do)
