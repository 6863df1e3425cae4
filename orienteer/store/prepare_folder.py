"""Prepares a folder of scans into a store: in parallel, resumable, and not stopped by scans that cannot be used."""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from orienteer.cluster.connect import Cluster
from orienteer.cluster.make_executor import make_executor
from orienteer.errors import InputError, ScanError
from orienteer.executor import Jobs
from orienteer.files import is_leftover, written
from orienteer.progress import Progress
from orienteer.scans.apart import preparing_bounds
from orienteer.scans.discover import discover
from orienteer.scans.patient_ids import dicom_patients
from orienteer.scans.preparation import READING_VERSION, Preparation
from orienteer.scans.source import DICOM, Discovery, LeftOut, ScanSource, Selection, folder_of
from orienteer.store.arrays import what_is_wrong
from orienteer.store.content import Content, contents
from orienteer.store.disk import RESERVE_BYTES, DiskFull, disk_full, estimated_bytes, free_bytes, is_full
from orienteer.store.index import FILE_NAME, DamagedRow, Index, StoredScan
from orienteer.store.job import ScanJob, ScanWork, StoredArray
from orienteer.store.lock import NotWritable, only_writer
from orienteer.store.outcomes import Duplicate, Failure, Oddity
from orienteer.store.prepare_report import PrepareReport, write_failures
from orienteer.store.read_only import ReadOnlyIndex
from orienteer.store.store import array_path
from orienteer.store.verified import is_verified
from orienteer.worker_process import NoProcess, WorkerDied


def prepare_folder(
    scans: str | Path | Discovery,
    store: str | Path,
    selection: Selection | None = None,
    preparation: Preparation | None = None,
    workers: int | None = None,
    progress: bool = True,
    cluster: Cluster | None = None,
) -> PrepareReport:
    """Prepares all scans of a folder into a store, and returns how many were prepared and what failed.

    Scans that are in the store already are not prepared again: they are recognised by the content of their files and by
    the settings, whatever their names. Their arrays are read once, and what is damaged is prepared again. A scan that fails
    is recorded in the index and in ``failures.csv`` beside it (the failures of the last run), and the others go on; failed
    scans are tried again at every run, since more memory or a repaired disk may be all that was missing. Ctrl-C keeps what
    is finished. After a kill at any moment the next run completes the store. A store that may only be read is used as it
    is, if it lacks nothing.

    Args:
        scans: a folder, or the result of `discover`.
        store: folder of the store; made if it is not there. Several settings may live in one store.
        selection: which scans, which frame, which modality.
        preparation: the settings; ``spacing_mm`` must be set.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show progress with the time left, if it takes longer than two seconds.
        cluster: whose workers prepare the scans; by default this machine does. This process alone writes the index.

    Raises:
        InputError: no scans, no spacing, a full disk, another process preparing into the store, a store of another
            version, or one that may only be read and lacks a scan.
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
    with _opened(folder) as (index, read_only):
        run = _Run(folder, index, selection, preparation, read_only)
        try:
            run.prepare(scans.sources, workers, progress, cluster)
        finally:
            if read_only is None:
                with suppress(OSError):  # on a full disk the list of failures is the smaller loss
                    write_failures(folder, run.failures)
        index.forget_missing_files()
        return run.report(left_out, time.monotonic() - began)


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Index, NotWritable | None]]:
    """Opens the index to write it, or to read it where the store may only be read; gives the reason in that case."""
    try:
        with only_writer(folder), Index.for_writing(folder) as index:
            _clean_up(folder)
            yield index, None
    except NotWritable as error:
        if not (folder / FILE_NAME).is_file():
            raise
        with Index.for_reading(folder) as index:
            yield ReadOnlyIndex(index), error
    except sqlite3.DatabaseError as error:
        raise _index_error(folder, error) from error
    except OSError as error:
        raise (disk_full(folder, 0, free_bytes(folder), error) if is_full(error) else error) from error


def _index_error(folder: Path, error: sqlite3.DatabaseError) -> InputError:
    if "full" in str(error):
        return disk_full(folder, 0, free_bytes(folder))
    do = f"check the permissions; if it is damaged, delete {FILE_NAME} and prepare again, which makes it anew from the arrays"
    return InputError(f"store {folder}", wanted="an index that can be written", got=str(error), do=do)


class _Run:
    """One run of `prepare_folder`: decides what each scan needs, and records the outcome."""

    def __init__(
        self,
        folder: Path,
        index: Index,
        selection: Selection,
        preparation: Preparation,
        read_only: NotWritable | None,
    ) -> None:
        self.folder, self.index, self.selection, self.preparation = folder, index, selection, preparation
        self.read_only = read_only
        self.settings = preparation.fingerprint()
        self.firsts: dict[str, ScanSource] = {}  # key -> the first source that it came from in this run
        self.keys: dict[str, str] = {}  # every name -> its key
        self.scans: dict[str, StoredScan] = {}
        self.failures: list[Failure] = []
        self.duplicates: list[tuple[ScanSource, str]] = []
        self.prepared: set[str] = set()  # keys of the scans that were not in the store before
        self.contents: dict[str, str] = {}  # every name of a DICOM scan -> hash of its files
        self.patients: dict[str, str | None] = {}  # name -> hash of the patient

    def prepare(
        self, sources: Sequence[ScanSource], workers: int | None, progress: bool, cluster: Cluster | None
    ) -> None:
        self.index.add_settings(self.settings, self.preparation.description())
        bar = Progress("preparing", len(sources), unit="scans", shown=progress)
        work = ScanWork(self.folder, self.selection, self.preparation)
        executor: Jobs[ScanJob, StoredArray] = make_executor(
            cluster, work, workers, len(sources), threads=1, shared=self.folder, seen=[folder_of(sources)]
        )
        with bar, executor:
            try:
                self._submit_all(sources, executor, bar)
                self._record(executor.finished(everything=True), bar)
            except KeyboardInterrupt:
                bar.say("finishing the scans in hand")
                self._record(executor.finished(everything=True), bar)
                raise
        self._merge_same_voxels()
        self._find_patients(sources)
        for source, key in self.duplicates:
            self._set_outcome(source, self._duplicate(source, key))

    def report(self, left_out: tuple[LeftOut, ...], seconds: float) -> PrepareReport:
        return PrepareReport(
            store=self.folder,
            prepared=len(self.prepared & self.scans.keys()),
            reused=len(self.scans.keys() - self.prepared),
            duplicates=tuple(
                self._duplicate(source, key) for source, key in sorted(self.duplicates, key=lambda item: item[0].name)
            ),
            failures=tuple(sorted(self.failures, key=lambda failure: failure.name)),
            left_out=left_out,
            keys=tuple(sorted(self.scans)),
            nbytes=sum(scan.nbytes for scan in self.scans.values()),
            seconds=seconds,
            names={name: key for name, key in self.keys.items() if key in self.scans},
            warnings=self._warnings(),
            patients={name: patient for name, patient in self.patients.items() if patient and name in self.keys},
        )

    def _find_patients(self, sources: Sequence[ScanSource]) -> None:
        """Looks up whose scans these are, or reads it from their headers where the store does not know."""
        self.patients = {name: self.index.patient(content) for name, content in self.contents.items()}
        unknown = [source for source in sources if source.name in self.contents and self.patients[source.name] is None]
        found = dicom_patients(unknown, self.index.secret())
        new = {source.name: found.get(source.name, "") for source in unknown}
        self.index.add_patients({self.contents[name]: patient for name, patient in new.items()})
        self.patients |= new

    def _warnings(self) -> tuple[Oddity, ...]:
        """Returns the warnings of all scans, under the names that they have in this run."""
        named = [(self.firsts[key].name, scan.warnings) for key, scan in self.scans.items()]
        return tuple(Oddity(name, warning) for name, warnings in sorted(named) for warning in warnings)

    def _duplicate(self, source: ScanSource, key: str) -> Duplicate:
        return Duplicate(source.name, self.firsts[key].name)

    def _merge_same_voxels(self) -> None:
        """Keeps one of the scans with the same voxels in different files, such as one and the same compressed twice."""
        originals: dict[str, str] = {}
        for key, source in self.firsts.items():
            scan = self.scans.get(key)
            original = originals.setdefault(scan.voxels, key) if scan is not None and scan.voxels else key
            if original != key:
                del self.scans[key]
                self.keys = {name: original if its == key else its for name, its in self.keys.items()}
                self.duplicates = [(item, original if its == key else its) for item, its in self.duplicates]
                self.duplicates.append((source, original))

    def _submit_all(self, sources: Sequence[ScanSource], executor: Jobs[ScanJob, StoredArray], bar: Progress) -> None:
        checked_space = False
        for place, (source, content) in enumerate(contents(sources, self.index)):
            job = self._job(source, content)
            if job is None:
                bar.advance()
                continue
            if self.read_only is not None:
                self._refuse_or_recall(job, self.read_only)
                bar.advance()
                continue
            if not checked_space:
                self._check_space(sources[place:])
                checked_space = True
            executor.submit(job, bounds=preparing_bounds(sum(state.size for state in job.content.states.values())))
            self._record(executor.finished(), bar)

    def _job(self, source: ScanSource, content: Content | ScanError) -> ScanJob | None:
        """Returns the job that a scan needs; None if there is nothing (more) to do."""
        if isinstance(content, ScanError):
            self._fail(source, Failure.of(content))
            return None
        key = scan_key(content.hash, source, self.selection, self.settings)
        self.keys[source.name] = key
        if source.format == DICOM:
            self.contents[source.name] = content.hash
        if key in self.firsts:
            self.duplicates.append((source, key))
            return None
        self.firsts[key] = source
        scan = self._stored(key)
        if scan is None:
            return ScanJob(source, content, key)
        self.scans[key] = scan
        self._set_outcome(source, None)
        return None

    def _stored(self, key: str) -> StoredScan | None:
        """Returns a scan whose array is as it was written; None where it is not, or there is none."""
        path = array_path(self.folder, key)
        try:
            entry = self.index.find(key)
        except DamagedRow:  # the array, if it is whole, gives it anew
            return None
        if entry is None:
            return None
        scan, checksum = entry
        if is_verified(path) or what_is_wrong(path, scan.nbytes, checksum) is None:
            return scan
        if self.read_only is None:
            self.index.remove_scan(key)
            with written(path):
                path.unlink(missing_ok=True)
        return None

    def _refuse_or_recall(self, job: ScanJob, error: NotWritable) -> None:
        """In a store that may only be read: recalls how a scan failed, and refuses one that would have to be prepared."""
        failure = self.index.failure(self.settings, job.source.files[0])
        if failure is None:
            wanted = f"{error.wanted}, since {job.source.name} is not prepared in it"
            do = "use another --store, or prepare the scans where the store can be written"
            raise NotWritable(error.what, wanted=wanted, got=error.got, do=do)
        self._fail(job.source, replace(failure, reason=f"{failure.reason} (when it was last tried)"))

    def _record(self, finished: "Iterable[tuple[ScanJob, Future[StoredArray]]]", bar: Progress) -> None:
        for job, future in finished:
            bar.advance()
            error = future.exception()
            if error is None:
                self._add(job, future.result())
            elif isinstance(error, DiskFull | NoProcess) or not isinstance(error, Exception):
                raise error  # the next scan would meet the same
            else:
                self._fail(job.source, _failure(job.source.name, error))

    def _add(self, job: ScanJob, array: StoredArray) -> None:
        self.index.add_scan(array.scan, self.settings, array.checksum)
        self._set_outcome(job.source, None)
        self.scans[job.key] = array.scan
        if not array.adopted:
            self.prepared.add(job.key)

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


def _failure(name: str, error: Exception) -> Failure:
    if isinstance(error, ScanError):
        return Failure.of(error)
    if isinstance(error, InputError):
        return Failure(name, "prepare", f"wanted {error.wanted}, got {error.got}", error.do)
    if isinstance(error, WorkerDied):
        do = "use a coarser spacing_mm or a machine with more memory, or leave the scan out"
        return Failure(name, "prepare", str(error), do)
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Failure(name, "prepare", reason, "open the scan in a viewer; if it looks right there, report this")


def scan_key(content: str, source: ScanSource, selection: Selection, settings: str) -> str:
    """Returns the key of a scan in the store, a hash of everything that its array depends on.

    Args:
        content: hash of the scan's files.
        source: for the frame of a 4D scan.
        selection: for the frame and the modality that the user chose.
        settings: the preparation's fingerprint.
    """
    frame = source.frame if source.frame is not None else selection.frame
    parts = (content, frame, selection.modality, settings, READING_VERSION)
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]


def _clean_up(folder: Path) -> None:
    """Removes files that a killed process left incomplete. The lock is held: no other process writes."""
    for file in [*folder.glob("arrays/*/*"), *folder.glob("*")]:
        if is_leftover(file) or file.suffix == ".tmp":  # the latter by versions before 0.2
            file.unlink(missing_ok=True)
