"""Prepares one scan, from its file to a complete array in the store. Runs in a worker process."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from orienteer.files import write_bytes
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import PreparedArrays, prepare_scan, scan_step
from orienteer.scans.refuse import refuse
from orienteer.scans.source import ScanSource, Selection
from orienteer.store.arrays import ArrayFile, checksum, file_checksum, packed
from orienteer.store.content import Content
from orienteer.store.disk import disk_full, free_bytes, is_full
from orienteer.store.index import StoredScan, entry_of, scan_of
from orienteer.store.store import array_path


@dataclass(frozen=True)
class ScanJob:
    """One scan to prepare, and its key in the store."""

    source: ScanSource
    content: Content
    key: str


@dataclass(frozen=True)
class StoredArray:
    """A scan whose array is complete on disk.

    Attributes:
        adopted: the array was there already, and only its row in the index was missing.
    """

    scan: StoredScan
    checksum: int
    adopted: bool


@dataclass(frozen=True)
class ScanWork:
    """Prepares scans into a store."""

    folder: Path
    selection: Selection
    preparation: Preparation

    def __call__(self, job: ScanJob) -> StoredArray:
        """Returns the stored array of a scan.

        Raises:
            ScanError: the scan cannot be prepared; the others can.
            DiskFull: there is no room for its array.
        """
        do = "check that the store's folder can be written and that memory is left; if so, report this"
        with scan_step(job.source.name, "write", do):
            stored = _complete_array(self.folder, job.key)
            if stored is not None:
                return stored
            arrays = prepare_scan(job.source, self.selection, self.preparation)
            if job.content.changed():
                got, again = "a file that changed while it was read", "prepare again when nothing writes to the folder"
                refuse(job.source.name, "files that stay as they are", got, again)
            return _write(self.folder, job, arrays)


def _write(folder: Path, job: ScanJob, arrays: PreparedArrays) -> StoredArray:
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
        warnings=arrays.warnings,
        voxels=hashlib.blake2b(arrays.voxels.tobytes(), digest_size=16).hexdigest(),
    )
    content = packed(arrays.voxels, arrays.body, entry_of(scan) | {"value_range": list(arrays.value_range)})
    free = free_bytes(folder)
    if len(content) > free:
        raise disk_full(folder, len(content), free)
    try:
        write_bytes(array_path(folder, job.key), content)
    except OSError as error:
        if is_full(error):
            raise disk_full(folder, len(content), free_bytes(folder), error) from error
        raise
    return StoredArray(replace(scan, nbytes=len(content)), checksum(content), adopted=False)


def _complete_array(folder: Path, key: str) -> StoredArray | None:
    """Returns an array that was renamed but whose row was not written before a kill; None if there is none."""
    path = array_path(folder, key)
    if not path.is_file():
        return None
    try:
        array = ArrayFile(path)
        scan = scan_of(array.entry, path.stat().st_size)
        if scan.key != key or not array.is_whole():
            return None
    except Exception:  # whatever a damaged file leads to, the scan is prepared again
        return None
    return StoredArray(scan, file_checksum(path), adopted=True)
