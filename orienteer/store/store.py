"""The store: a folder of prepared scans, from which views are read without reading whole scans."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from orienteer.errors import InputError
from orienteer.scans.body import BodyMap
from orienteer.store.arrays import ArrayFile, check_box, damaged, what_is_wrong
from orienteer.store.index import Index, StoredScan
from orienteer.store.outcomes import Duplicate, Failure
from orienteer.store.verified import is_verified
from orienteer.types import Triple

Row = tuple[StoredScan, int]
"""The entry of a scan and the checksum of its array."""

OPEN_SCANS = 64
"""How many scans a reader keeps open: a file handle, a mapping and about 50 KB each."""


class Store(AbstractContextManager["Store"]):
    """Reads prepared scans. Open it once and pass it to data loaders: it can be pickled, and each process opens its own files.

    Example:
        >>> import tempfile
        >>> import SimpleITK as sitk
        >>> from orienteer.scans.preparation import Preparation
        >>> from orienteer.store.prepare_folder import prepare_folder
        >>> settings = Preparation(spacing_mm=(2.0, 2.0, 2.0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     values = np.random.default_rng(0).integers(0, 500, (40, 40, 40)).astype(np.int16)
        ...     sitk.WriteImage(sitk.GetImageFromArray(values), f"{folder}/a.nii.gz")
        ...     report = prepare_folder(folder, f"{folder}/store", preparation=settings, workers=0)
        ...     with Store.open(f"{folder}/store") as store:
        ...         (key,) = store.keys(settings.fingerprint())
        ...         view = store.read(key, (2, 0, 4), (16, 8, 16))
        ...         store.scan(key).name, store.scan(key).shape_vox, view.shape
        ('a.nii.gz', (20, 20, 20), (16, 8, 16))
    """

    def __init__(self, folder: str | Path, open_scans: int = OPEN_SCANS) -> None:
        self.folder, self.open_scans = Path(folder), open_scans
        self._handles = _Handles()

    @classmethod
    def open(cls, folder: str | Path, open_scans: int = OPEN_SCANS) -> "Store":
        """Returns a reader of a store. A hundred thousand scans open as fast as ten.

        Args:
            folder: the store's folder.
            open_scans: how many scans are kept open at most, per process and thread.

        Raises:
            InputError: no store there, or one of another version.
        """
        store = cls(folder, open_scans)
        store._index()
        return store

    def keys(self, settings: str) -> list[str]:
        """Returns the keys of all scans prepared with these settings (`Preparation.fingerprint`), sorted.

        These are all scans ever prepared so, from any folder. The keys of one folder are in the report of `prepare`.
        """
        return self._index().keys(settings)

    def scan(self, key: str) -> StoredScan:
        """Returns a scan's entry.

        Raises:
            InputError: the store has no such scan.
        """
        return self.row(key)[0]

    def row(self, key: str) -> Row:
        """Returns a scan's entry and the checksum of its array.

        Raises:
            InputError: the store has no such scan.
        """
        row = self._index().find(key)
        if row is None:
            raise self._unknown(key)
        return row

    def read(self, key: str, start_vox: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        """Returns a box of a scan's voxels, normalised to [-1, 1]. Only the blocks that the box meets are decompressed.

        Raises:
            InputError: the box leaves the scan.
            ScanError: the array is missing or damaged.
        """
        file = self._file(key)
        check_box(f"scan {key}", file.shape_vox, start_vox, size_vox)
        try:
            return file.read(start_vox, size_vox)
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(self.scan(key).name, array_path(self.folder, key), error) from error

    def body(self, key: str) -> BodyMap:
        """Returns the body map of a scan."""
        return self._file(key).body()

    def entries(self, settings: str) -> Iterator[StoredScan]:
        """Yields the entries of all scans with these settings, sorted by key."""
        return (scan for scan, _ in self._index().entries(settings))

    def failures(self, settings: str) -> tuple[Failure, ...]:
        """Returns the scans that could not be prepared with these settings."""
        return self._index().failures(settings)

    def duplicates(self, settings: str) -> tuple[Duplicate, ...]:
        """Returns the files that were not prepared because another file holds the same scan."""
        return self._index().duplicates(settings)

    def patient(self, content: str) -> str | None:
        """Returns the hash of a DICOM scan's patient, empty if its header names none; None if the store does not know it.

        Args:
            content: hash of the scan's files.
        """
        return self._index().patient(content)

    def secret(self) -> bytes:
        """Returns the key of the hashes of patients in this store; a new one if it has none."""
        return self._index().secret()

    def nbytes(self, settings: str) -> int:
        """Returns the bytes on disk of all scans with these settings."""
        return self._index().nbytes(settings)

    def verify(self, settings: str | None = None) -> dict[str, str]:
        """Returns what is wrong with the arrays, by key; empty if all are as written. Reads all arrays."""
        wrong = {}
        for scan, checksum in self._index().entries(settings):
            words = what_is_wrong(array_path(self.folder, scan.key), scan.nbytes, checksum)
            if words is not None:
                wrong[scan.key] = f"{scan.name}: {words}"
        return wrong

    def check(self, key: str) -> None:
        """Checks that an array is what was written, which opening it for the first time does too.

        Raises:
            ScanError: it is missing or damaged.
            InputError: the store has no such scan.
        """
        self._verify(key, array_path(self.folder, key))

    def close(self) -> None:
        """Closes all files of this process and thread. They are opened again when needed."""
        self._handles.clear()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "open_scans": self.open_scans}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _index(self) -> Index:
        return self._handles.index(self.folder)

    def _file(self, key: str) -> ArrayFile:
        files = self._handles.files()
        if key in files:
            files.move_to_end(key)
            return files[key]
        path = array_path(self.folder, key)
        self._verify(key, path)
        try:
            files[key] = ArrayFile(path)
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(self.scan(key).name, path, error) from error
        while len(files) > self.open_scans:
            files.popitem(last=False)
        return files[key]

    def _verify(self, key: str, path: Path) -> None:
        """Reads an array in full when this process opens it for the first time, and checks that it is as written."""
        if is_verified(path):
            return
        scan, checksum = self.row(key)
        words = what_is_wrong(path, scan.nbytes, checksum)
        if words is not None:
            raise damaged(scan.name, path, words)

    def _unknown(self, key: str) -> InputError:
        return InputError(f"scan {key}", wanted=f"a key in {self.folder}", got="an unknown one", do="use Store.keys")


def array_path(folder: Path, key: str) -> Path:
    """Returns the path of a scan's array. Two letters of the key make folders of at most a few hundred files each."""
    return folder / "arrays" / key[:2] / f"{key}.b2nd"


class _Handles(threading.local):
    """The open files of one thread of one process. A forked process must not use its parent's, nor a thread another's."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._open_index: Index | None = None
        self._files: OrderedDict[str, ArrayFile] = OrderedDict()

    def index(self, folder: Path) -> Index:
        self._check_process()
        if self._open_index is None:
            self._open_index = Index.for_reading(folder)
        return self._open_index

    def files(self) -> OrderedDict[str, ArrayFile]:
        self._check_process()
        return self._files

    def clear(self) -> None:
        if self._open_index is not None and self._process == os.getpid():
            self._open_index.close()
        self._forget()

    def __del__(self) -> None:
        self.clear()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            _INHERITED.append(self._open_index)  # SQLite forbids even closing a connection opened before the fork
            self._forget()

    def _forget(self) -> None:
        self._process, self._open_index, self._files = os.getpid(), None, OrderedDict()


_INHERITED: list[Index | None] = []
"""Prevents the garbage collector of a forked process from closing the connections of its parent."""
