"""Prepares a folder of scans into a store: in parallel, resumable, and never stopped by one bad scan."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import is_leftover, write_csv
from orienteer.progress import Progress
from orienteer.scans.content import Content, contents
from orienteer.scans.discover import discover
from orienteer.scans.disk import RESERVE_BYTES, disk_full, estimated_bytes, free_bytes
from orienteer.scans.index import Duplicate, Failure, Index, StoredScan
from orienteer.scans.job import DiskFull, Job, Work, Written
from orienteer.scans.lock import only_writer
from orienteer.scans.pool import Pool, WorkerDied
from orienteer.scans.preparation import Preparation
from orienteer.scans.report import PrepareReport
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.scans.store import array_path

FAILURES_NAME = "failures.csv"


def prepare(
    scans: str | Path | Discovery,
    store: str | Path,
    selection: Selection | None = None,
    preparation: Preparation | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> PrepareReport:
    """Prepares all scans of a folder into a store, and returns how that went.

    What is there already is not made again: scans are known by the content of their files and by the settings, whatever
    they are called. A scan that fails is written down in the index and in ``failures.csv`` beside it (which tells of
    the last run), and the others go on; failed scans are tried again at every run, since more memory or a mended disk
    may be all that was missing. Ctrl-C keeps what is finished. After a kill at any moment the next run completes the
    store.

    Args:
        scans: a folder, or what `discover` found in one.
        store: folder of the store; made if it is not there. Several settings may live in one store.
        selection: which scans, which frame, which modality.
        preparation: the settings; ``spacing_mm`` must be set.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        InputError: no scans, no spacing, a full disk, another process preparing into the store, a store of another
            version.

    Example:
        >>> import tempfile
        >>> import numpy as np, SimpleITK as sitk
        >>> values = np.random.default_rng(0).integers(0, 500, (40, 40, 40)).astype(np.int16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sitk.WriteImage(sitk.GetImageFromArray(values), f"{folder}/a.nii.gz")
        ...     _ = Path(folder, "b.nii.gz").write_bytes(Path(folder, "a.nii.gz").read_bytes())
        ...     settings = Preparation(spacing_mm=(2.0, 2.0, 2.0))
        ...     report = prepare(folder, f"{folder}/store", preparation=settings, workers=0)
        >>> report.prepared, report.failures, report.duplicates
        (1, (), (Duplicate(name='b.nii.gz', original='a.nii.gz'),))
    """
    began = time.monotonic()
    selection, preparation, folder = selection or Selection(), preparation or Preparation(), Path(store).absolute()
    if preparation.spacing_mm is None:
        raise InputError("spacing_mm", wanted="a voxel size in mm", got="none", do="plan it first, or set it")
    if workers is not None and workers < 0:
        raise InputError("workers", wanted="0 or more processes", got=str(workers), do="use 0 to work in this process")
    sources = (scans if isinstance(scans, Discovery) else discover(scans, selection, progress)).sources
    if not sources:
        raise InputError("scans", wanted="at least one scan", got="none", do="look at what was left out, and why")
    with only_writer(folder), Index.for_writing(folder) as index:
        _clean_up(folder)
        run = _Run(folder, index, selection, preparation)
        index.add_settings(run.settings, preparation.description())
        try:
            run.go(sources, _worker_count(workers, len(sources)), progress)
        except sqlite3.OperationalError as error:
            raise (disk_full(folder, 0, free_bytes(folder)) if "full" in str(error) else error) from error
        finally:
            with suppress(OSError):  # on a full disk the list of failures is the smaller loss
                _write_failures(folder, run.failures)
        index.forget_missing_files()
        return run.report(time.monotonic() - began)


class _Run:
    """One run of `prepare`: decides what to do with each scan, and writes down what came of it."""

    def __init__(self, folder: Path, index: Index, selection: Selection, preparation: Preparation) -> None:
        self.folder, self.index, self.selection, self.preparation = folder, index, selection, preparation
        self.settings = preparation.fingerprint()
        self.names: dict[str, str] = {}  # key -> the first name that it came by in this run
        self.scans: dict[str, StoredScan] = {}
        self.failures: list[Failure] = []
        self.duplicates: list[tuple[ScanSource, str]] = []
        self.prepared = self.reused = 0

    def go(self, sources: Sequence[ScanSource], workers: int, progress: bool) -> None:
        bar = Progress("preparing", len(sources), unit="scans", shown=progress)
        checked_space = False
        with bar, Pool(Work(self.folder, self.selection, self.preparation), workers) as pool:
            try:
                for place, (source, content) in enumerate(contents(sources, self.index)):
                    job = self._decide(source, content)
                    if job is None:
                        bar.advance()
                        continue
                    if not checked_space:
                        self._check_space(sources[place:])
                        checked_space = True
                    pool.submit(job)
                    self._record(pool.finished(), bar)
                self._record(pool.finished(everything=True), bar)
            except KeyboardInterrupt:
                bar.say("stopping after the scans in hand")
                self._record(pool.finished(everything=True), bar)
                raise
        self._record_duplicates()

    def report(self, seconds: float) -> PrepareReport:
        return PrepareReport(
            prepared=self.prepared,
            reused=self.reused,
            duplicates=tuple(Duplicate(source.name, self.names[key]) for source, key in self.duplicates),
            failures=tuple(sorted(self.failures, key=lambda failure: failure.name)),
            keys=tuple(sorted(self.scans)),
            nbytes=sum(scan.nbytes for scan in self.scans.values()),
            seconds=seconds,
        )

    def _decide(self, source: ScanSource, content: Content | OSError) -> Job | None:
        """Returns the job that a scan needs; None if there is nothing (more) to do."""
        if isinstance(content, OSError):
            do = "check that the file is there and that you may read it"
            self._fail(source, Failure(source.name, "read", f"the file cannot be opened: {content}", do))
            return None
        key = scan_key(content.hash, source, self.selection, self.settings)
        if key in self.names:
            self.duplicates.append((source, key))
            return None
        self.names[key] = source.name
        found = self.index.find(key)
        if found is None:
            return Job(source, content, key)
        path = array_path(self.folder, key)
        if not path.is_file() or path.stat().st_size != found[0].nbytes:
            self.index.remove_scan(key)
            path.unlink(missing_ok=True)
            return Job(source, content, key)
        self.scans[key] = found[0]
        self.reused += 1
        self.index.set_outcome(self.settings, source.files[0], None)
        return None

    def _record(
        self, finished: "Iterable[tuple[Job, Written | Failure | DiskFull | WorkerDied]]", bar: Progress
    ) -> None:
        for job, outcome in finished:
            bar.advance()
            if isinstance(outcome, DiskFull):
                raise disk_full(self.folder, outcome.needed, outcome.free)
            if isinstance(outcome, Written):
                self.index.add_scan(outcome.scan, self.settings, outcome.checksum)
                self.index.set_outcome(self.settings, job.source.files[0], None)
                self.scans[job.key] = outcome.scan
                self.prepared, self.reused = self.prepared + (not outcome.found), self.reused + outcome.found
            else:
                self._fail(job.source, _death(job.source.name) if isinstance(outcome, WorkerDied) else outcome)

    def _fail(self, source: ScanSource, failure: Failure) -> None:
        self.failures.append(failure)
        self.index.set_outcome(self.settings, source.files[0], failure)

    def _record_duplicates(self) -> None:
        for source, key in self.duplicates:
            self.index.set_outcome(self.settings, source.files[0], Duplicate(source.name, self.names[key]))

    def _check_space(self, sources: Sequence[ScanSource]) -> None:
        spacing_mm = self.preparation.spacing_mm
        assert spacing_mm is not None  # prepare has refused that
        needed = estimated_bytes(sources, self.selection, spacing_mm) + RESERVE_BYTES
        free = free_bytes(self.folder)
        if needed > free:
            raise disk_full(self.folder, needed, free)


def scan_key(content: str, source: ScanSource, selection: Selection, settings: str) -> str:
    """Returns the name of a scan in the store, from all that decides how its array looks.

    Args:
        content: hash of the scan's files.
        source: for the frame of a 4D scan.
        selection: for the frame and the modality that the user chose.
        settings: the preparation's fingerprint.
    """
    frame = source.frame if source.frame is not None else selection.frame
    return hashlib.sha256(f"{content}|{frame}|{selection.modality}|{settings}".encode()).hexdigest()[:32]


def _clean_up(folder: Path) -> None:
    """Removes what a kill left half written. The lock is held: nobody else is writing."""
    for file in [*folder.glob("arrays/*/*"), *folder.glob("*")]:
        if is_leftover(file) or file.suffix == ".tmp":  # the latter by versions before 0.2
            file.unlink(missing_ok=True)


def _write_failures(folder: Path, failures: Sequence[Failure]) -> None:
    rows = [[failure.name, failure.step, failure.reason, failure.do] for failure in failures]
    write_csv(folder / FAILURES_NAME, ["file", "step", "reason", "what to do"], rows)


def _death(name: str) -> Failure:
    reason = "the process that prepared it ended without a word: killed, out of memory, or crashed"
    do = "use a coarser spacing_mm or a machine with more memory, or leave the scan out"
    return Failure(name, "prepare", reason, do)


def _worker_count(workers: int | None, scans: int) -> int:
    if workers is not None:
        return min(workers, scans)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, scans)
