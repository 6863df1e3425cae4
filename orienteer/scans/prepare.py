"""Prepares a folder of scans into a store: in parallel, resumable, and not stopped by scans that cannot be used."""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from orienteer.errors import InputError, ScanError
from orienteer.executor import Executor, WorkerDied, available_cores
from orienteer.files import is_leftover
from orienteer.progress import Progress
from orienteer.scans.content import Content, contents
from orienteer.scans.discover import discover
from orienteer.scans.disk import RESERVE_BYTES, disk_full, estimated_bytes, free_bytes
from orienteer.scans.index import Duplicate, Failure, Index, Oddity, StoredScan
from orienteer.scans.job import ScanJob, ScanWork, StoredArray
from orienteer.scans.lock import only_writer
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_report import PrepareReport, write_failures
from orienteer.scans.source import Discovery, LeftOut, ScanSource, Selection
from orienteer.scans.store import array_path


def prepare_folder(
    scans: str | Path | Discovery,
    store: str | Path,
    selection: Selection | None = None,
    preparation: Preparation | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> PrepareReport:
    """Prepares all scans of a folder into a store, and returns how many were prepared and what failed.

    Scans that are in the store already are not prepared again: they are recognised by the content of their files and by
    the settings, whatever their names. A scan that fails is recorded in the index and in ``failures.csv`` beside it (the
    failures of the last run), and the others go on; failed scans are tried again at every run, since more memory or a
    repaired disk may be all that was missing. Ctrl-C keeps what is finished. After a kill at any moment the next run
    completes the store.

    Args:
        scans: a folder, or the result of `discover`.
        store: folder of the store; made if it is not there. Several settings may live in one store.
        selection: which scans, which frame, which modality.
        preparation: the settings; ``spacing_mm`` must be set.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show progress with the time left, if it takes longer than two seconds.

    Raises:
        InputError: no scans, no spacing, a full disk, another process preparing into the store, a store of another
            version.
        KeyboardInterrupt: Ctrl-C, once the scans in hand are finished and recorded.

    Example:
        >>> import tempfile
        >>> import numpy as np, SimpleITK as sitk
        >>> values = np.random.default_rng(0).integers(0, 500, (40, 40, 40)).astype(np.int16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sitk.WriteImage(sitk.GetImageFromArray(values), f"{folder}/a.nii.gz")
        ...     _ = Path(folder, "b.nii.gz").write_bytes(Path(folder, "a.nii.gz").read_bytes())
        ...     settings = Preparation(spacing_mm=(2.0, 2.0, 2.0))
        ...     report = prepare_folder(folder, f"{folder}/store", preparation=settings, workers=0)
        >>> report.prepared, report.failures, report.duplicates
        (1, (), (Duplicate(name='b.nii.gz', original='a.nii.gz'),))
    """
    began = time.monotonic()
    selection, preparation, folder = selection or Selection(), preparation or Preparation(), Path(store).absolute()
    preparation.spacing()  # stops here where there is none
    if workers is not None and workers < 0:
        raise InputError("workers", wanted="0 or more processes", got=str(workers), do="use 0 to work in this process")
    left_out: tuple[LeftOut, ...] = ()
    if not isinstance(scans, Discovery):
        scans = discover(scans, selection, progress)
        left_out = scans.with_others()
    if not scans.sources:
        raise InputError("scans", wanted="at least one scan", got="none", do="look at what was left out, and why")
    with only_writer(folder), Index.for_writing(folder) as index:
        _clean_up(folder)
        run = _Run(folder, index, selection, preparation)
        try:
            run.prepare(
                scans.sources, min(available_cores() if workers is None else workers, len(scans.sources)), progress
            )
        except sqlite3.OperationalError as error:
            raise (disk_full(folder, 0, free_bytes(folder)) if "full" in str(error) else error) from error
        finally:
            with suppress(OSError):  # on a full disk the list of failures is the smaller loss
                write_failures(folder, run.failures)
        index.forget_missing_files()
        return run.report(left_out, time.monotonic() - began)


class _Run:
    """One run of `prepare_folder`: decides what each scan needs, and records the outcome."""

    def __init__(self, folder: Path, index: Index, selection: Selection, preparation: Preparation) -> None:
        self.folder, self.index, self.selection, self.preparation = folder, index, selection, preparation
        self.settings = preparation.fingerprint()
        self.names: dict[str, str] = {}  # key -> the first name that it came by in this run
        self.scans: dict[str, StoredScan] = {}
        self.failures: list[Failure] = []
        self.duplicates: list[tuple[ScanSource, str]] = []
        self.prepared = self.reused = 0

    def prepare(self, sources: Sequence[ScanSource], workers: int, progress: bool) -> None:
        self.index.add_settings(self.settings, self.preparation.description())
        bar = Progress("preparing", len(sources), unit="scans", shown=progress)
        work = ScanWork(self.folder, self.selection, self.preparation)
        with bar, Executor(work, workers, threads=1) as executor:
            try:
                self._submit_all(sources, executor, bar)
                self._record(executor.finished(everything=True), bar)
            except KeyboardInterrupt:
                bar.say("finishing the scans in hand")
                self._record(executor.finished(everything=True), bar)
                raise
        for source, key in self.duplicates:
            self._set_outcome(source, Duplicate(source.name, self.names[key]))

    def report(self, left_out: tuple[LeftOut, ...], seconds: float) -> PrepareReport:
        return PrepareReport(
            store=self.folder,
            prepared=self.prepared,
            reused=self.reused,
            duplicates=tuple(Duplicate(source.name, self.names[key]) for source, key in self.duplicates),
            failures=tuple(sorted(self.failures, key=lambda failure: failure.name)),
            left_out=left_out,
            keys=tuple(sorted(self.scans)),
            nbytes=sum(scan.nbytes for scan in self.scans.values()),
            seconds=seconds,
            warnings=self._warnings(),
        )

    def _warnings(self) -> tuple[Oddity, ...]:
        """Returns the warnings of all scans, under the names that they have in this run."""
        named = [(self.names[key], scan.warnings) for key, scan in self.scans.items()]
        return tuple(Oddity(name, warning) for name, warnings in sorted(named) for warning in warnings)

    def _submit_all(
        self, sources: Sequence[ScanSource], executor: Executor[ScanJob, StoredArray], bar: Progress
    ) -> None:
        checked_space = False
        for place, (source, content) in enumerate(contents(sources, self.index)):
            job = self._job(source, content)
            if job is None:
                bar.advance()
                continue
            if not checked_space:
                self._check_space(sources[place:])
                checked_space = True
            executor.submit(job)
            self._record(executor.finished(), bar)

    def _job(self, source: ScanSource, content: Content | OSError) -> ScanJob | None:
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
        entry = self.index.find(key)
        if entry is None:
            return ScanJob(source, content, key)
        scan, path = entry[0], array_path(self.folder, key)
        if not path.is_file() or path.stat().st_size != scan.nbytes:
            self.index.remove_scan(key)
            path.unlink(missing_ok=True)
            return ScanJob(source, content, key)
        self.scans[key] = scan
        self.reused += 1
        self._set_outcome(source, None)
        return None

    def _record(self, finished: "Iterable[tuple[ScanJob, Future[StoredArray]]]", bar: Progress) -> None:
        for job, future in finished:
            bar.advance()
            error = future.exception()
            if isinstance(error, ScanError):
                self._fail(job.source, Failure.of(error))
            elif isinstance(error, WorkerDied):
                do = "use a coarser spacing_mm or a machine with more memory, or leave the scan out"
                self._fail(job.source, Failure(job.source.name, "prepare", str(error), do))
            else:
                self._add(job, future.result())  # raises what must stop the run, such as a full disk

    def _add(self, job: ScanJob, array: StoredArray) -> None:
        self.index.add_scan(array.scan, self.settings, array.checksum)
        self._set_outcome(job.source, None)
        self.scans[job.key] = array.scan
        self.prepared, self.reused = self.prepared + (not array.adopted), self.reused + array.adopted

    def _fail(self, source: ScanSource, failure: Failure) -> None:
        self.failures.append(failure)
        self._set_outcome(source, failure)

    def _set_outcome(self, source: ScanSource, outcome: Failure | Duplicate | None) -> None:
        self.index.set_outcome(self.settings, source.files[0], outcome)

    def _check_space(self, sources: Sequence[ScanSource]) -> None:
        needed = estimated_bytes(sources, self.selection, self.preparation.spacing()) + RESERVE_BYTES
        free = free_bytes(self.folder)
        if needed > free:
            raise disk_full(self.folder, needed, free)


def scan_key(content: str, source: ScanSource, selection: Selection, settings: str) -> str:
    """Returns the key of a scan in the store, a hash of everything that its array depends on.

    Args:
        content: hash of the scan's files.
        source: for the frame of a 4D scan.
        selection: for the frame and the modality that the user chose.
        settings: the preparation's fingerprint.
    """
    frame = source.frame if source.frame is not None else selection.frame
    return hashlib.sha256(f"{content}|{frame}|{selection.modality}|{settings}".encode()).hexdigest()[:32]


def _clean_up(folder: Path) -> None:
    """Removes files that a killed process left incomplete. The lock is held: no other process writes."""
    for file in [*folder.glob("arrays/*/*"), *folder.glob("*")]:
        if is_leftover(file) or file.suffix == ".tmp":  # the latter by versions before 0.2
            file.unlink(missing_ok=True)
