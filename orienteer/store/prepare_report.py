"""The result of preparing a folder of scans, in words and as failures.csv."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orienteer.files import write_csv
from orienteer.progress import clock
from orienteer.scans.source import LeftOut, reasons
from orienteer.store.outcomes import Duplicate, Failure, Oddity

FAILURES_NAME = "failures.csv"

MOST_LINES = 20
"""How many failures, duplicates or reasons are shown; the report and failures.csv hold all of them."""


@dataclass(frozen=True)
class PrepareReport:
    """The result of preparing a folder.

    Attributes:
        store: folder of the store.
        prepared: scans prepared now.
        reused: scans that were in the store already.
        duplicates: files that hold the same scan as another file; not prepared again.
        failures: scans that could not be prepared. They are tried again at the next run.
        left_out: what the search of the folder left out; empty where the search was done before, by `discover`.
        keys: the folder's scans in the store, sorted: what to train on.
        nbytes: bytes on disk of these scans.
        seconds: time it took.
        warnings: scans that are used although something about their files is odd, prepared now or before.
        names: key in the store of every scan that is ready, by its name in the folder; a duplicate has that of its original.
        patients: hash of the patient by name, for DICOM scans whose header names one; comparable within one store.

    Example:
        >>> failures = (Failure("a.nii", "read", "wanted an image, got 7 in every voxel", "check the file"),)
        >>> left_out = (LeftOut("b.nii", "an empty file"),)
        >>> print(PrepareReport(Path("store"), 5, 1, (), failures, left_out, ("key",) * 6, nbytes=4321000, seconds=9.0))
        6 scans ready in store (5 prepared now, 1 reused), 4.3 MB, in 0:09; 1 failed, 0 duplicates, 1 left out
          failed: a.nii (read): wanted an image, got 7 in every voxel. Do this: check the file.
          left out: 1 file: an empty file
          all failures, with reasons: store/failures.csv
    """

    store: Path
    prepared: int
    reused: int
    duplicates: tuple[Duplicate, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[LeftOut, ...]
    keys: tuple[str, ...]
    nbytes: int
    seconds: float
    warnings: tuple[Oddity, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def failures_file(self) -> Path:
        """The table of the scans that could not be prepared."""
        return self.store / FAILURES_NAME

    def __str__(self) -> str:
        counts = f"{len(self.failures)} failed, {len(self.duplicates)} duplicates"
        counts += f", {sum(item.files for item in self.left_out)} left out" if self.left_out else ""
        counts += f", {len({oddity.name for oddity in self.warnings})} with warnings" if self.warnings else ""
        first = (
            f"{len(self.keys)} scans ready in {self.store} ({self.prepared} prepared now, {self.reused} reused), "
            f"{self.nbytes / 1e6:.1f} MB, in {clock(self.seconds)}; {counts}"
        )
        last = [f"  all failures, with reasons: {self.failures_file}"] if self.failures else []
        lines = [
            *_lines("failed", self.failures),
            *_lines("warning", self.warnings),
            *_lines("duplicate", self.duplicates),
            *_lines("left out", [_files(count, reason) for reason, count in reasons(self.left_out).items()]),
        ]
        return "\n".join([first, *lines, *last])


def write_failures(store: Path, failures: Sequence[Failure]) -> None:
    """Writes the scans that could not be prepared, with step, reason and what to do, into the store's failures.csv."""
    rows = [[failure.name, failure.step, failure.reason, failure.do] for failure in failures]
    write_csv(store / FAILURES_NAME, ["file", "step", "reason", "what to do"], rows)


def _files(count: int, reason: str) -> str:
    return f"{count} {'file' if count == 1 else 'files'}: {reason}"


def _lines(what: str, items: Sequence[object]) -> list[str]:
    more = [f"  {what}: and {len(items) - MOST_LINES} more"] if len(items) > MOST_LINES else []
    return [f"  {what}: {item}" for item in items[:MOST_LINES]] + more
