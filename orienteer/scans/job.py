"""What a worker process does: one scan from its file to a complete array in the store, or the reason why not."""

import errno
from dataclasses import dataclass
from pathlib import Path

from orienteer.errors import ScanError
from orienteer.files import write_bytes
from orienteer.scans.arrays import ArrayFile, checksum, file_checksum, packed
from orienteer.scans.content import Content
from orienteer.scans.disk import free_bytes
from orienteer.scans.index import Failure, StoredScan, entry_of, scan_of
from orienteer.scans.preparation import Preparation, PreparedArrays, prepare_scan
from orienteer.scans.source import ScanSource, Selection
from orienteer.scans.store import array_path

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class Job:
    """One scan to prepare, and its name in the store."""

    source: ScanSource
    content: Content
    key: str


@dataclass(frozen=True)
class Written:
    """A scan whose array is complete on disk."""

    scan: StoredScan
    checksum: int
    found: bool  # the array lay there complete, only its row was missing


@dataclass(frozen=True)
class DiskFull:
    """A scan for which there is no room: the bytes it needs, and those that are free."""

    needed: int
    free: int


@dataclass(frozen=True)
class Work:
    """What to do with a job. Sent to the worker with every job, so it is small."""

    folder: Path
    selection: Selection
    preparation: Preparation

    def __call__(self, job: Job) -> Written | Failure | DiskFull:
        """Returns what became of one scan. Never raises: one bad scan must not stop the others."""
        path = array_path(self.folder, job.key)
        found = _complete(path, job.key)
        if found is not None:
            return found
        try:
            arrays = prepare_scan(job.source, self.selection, self.preparation)
            if job.content.changed():
                raise ScanError(
                    job.source.name,
                    step="read",
                    wanted="files that stay as they are",
                    got="a file that changed while it was read",
                    do="prepare again when nothing writes to the folder",
                )
            return _write(path, job, arrays)
        except ScanError as error:
            return Failure(job.source.name, error.step, f"wanted {error.wanted}, got {error.got}", error.do)
        except Exception as error:
            do = "see whether the store's folder can be written and memory is left; if so, report this"
            return Failure(job.source.name, "write", f"{type(error).__name__}: {error}", do)


def _write(path: Path, job: Job, arrays: PreparedArrays) -> Written | DiskFull:
    shape0, shape1, shape2 = arrays.voxels.shape
    scan = StoredScan(
        key=job.key,
        name=job.source.name,
        modality=arrays.modality,
        shape_vox=(shape0, shape1, shape2),
        spacing_mm=arrays.spacing_mm,
        origin_mm=arrays.origin_mm,
        content=job.content.hash,
        format=arrays.format,
        nbytes=0,
    )
    entry = entry_of(scan)
    content = packed(arrays.voxels, arrays.body, entry | {"value_range": list(arrays.value_range)})
    free = free_bytes(path.parents[2])
    if len(content) > free:
        return DiskFull(len(content), free)
    try:
        write_bytes(path, content)
    except OSError as error:
        if error.errno in _DISK_FULL:
            return DiskFull(len(content), free_bytes(path.parents[2]))
        raise
    return Written(scan_of(entry, len(content)), checksum(content), found=False)


def _complete(path: Path, key: str) -> Written | None:
    """Returns an array that was renamed but whose row was not written before a kill; None if there is none."""
    if not path.is_file():
        return None
    try:
        scan = scan_of(ArrayFile(path).entry, path.stat().st_size)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError):
        return None
    return Written(scan, file_checksum(path), found=True) if scan.key == key else None
