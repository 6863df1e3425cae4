"""Hashes of the content of scan files: the same content has the same hash wherever it lies, whatever its name."""

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orienteer.errors import ScanError
from orienteer.scans.companions import companions
from orienteer.scans.source import ScanSource
from orienteer.store.index import FileState, Index

AHEAD = 4
"""How many scans are hashed ahead of preparing: few enough that their files are still in memory when they are read."""

SETTLED_NS = 2_000_000_000
"""A hash is remembered if the file had not been changed for 2 s when it was looked at. A file system that keeps times only
to some milliseconds (some: seconds) does not show a second change that soon after the first."""

Hash: TypeAlias = "str | Future[str]"
"""Known already, or being computed."""


@dataclass(frozen=True)
class Content:
    """The content of a scan's files as a hash, and their states before they were read.

    Attributes:
        hash: of all files together, in the order of the slices.
        states: of each file, before it was hashed.
    """

    hash: str
    states: dict[Path, FileState]

    def changed(self) -> bool:
        """Returns whether any file has changed since it was hashed."""
        return any(file_state(path) != state for path, state in self.states.items())


def contents(
    sources: Iterable[ScanSource], index: Index | None = None
) -> Iterator[tuple[ScanSource, Content | ScanError]]:
    """Yields every scan with the hash of its files, or with the error of opening them, in the order given.

    Files that the index knows and that have not changed are not read. The others are read a few scans ahead.

    Args:
        sources: the scans.
        index: remembers the hashes; new ones are added to it. Without one all files are read.
    """
    waiting: deque[_Hashing] = deque()
    with ThreadPoolExecutor(2) as threads:
        for source in sources:
            waiting.append(_Hashing(source, index, threads))
            if len(waiting) > AHEAD:
                first = waiting.popleft()
                yield first.source, first.result()
        for rest in waiting:
            yield rest.source, rest.result()


def data_files(source: ScanSource) -> list[Path]:
    """Returns all files that hold part of a scan, with those beside a header that hold its voxels.

    Raises:
        OSError: a header that cannot be opened.
    """
    files = list(source.files)
    for path in source.files:
        files += [file for file in companions(path) if file not in files]
    return files


def file_state(path: Path) -> FileState:
    """Returns what changes when a file is changed or replaced."""
    status = path.stat()
    return FileState(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def file_hash(path: Path) -> str:
    """Returns the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class _Hashing:
    """The files of one scan, being hashed."""

    def __init__(self, source: ScanSource, index: Index | None, threads: ThreadPoolExecutor) -> None:
        self.source, self._index = source, index
        self._states: dict[Path, FileState] = {}
        self._hashes: dict[Path, Hash] = {}
        self._error: OSError | ScanError | None = None
        self._looked_ns = time.time_ns()
        try:
            self._states = {path: file_state(path) for path in data_files(source)}
            for path, state in self._states.items():
                known = index.content(path, state) if index is not None else None
                self._hashes[path] = known or threads.submit(file_hash, path)
        except (OSError, ScanError) as error:
            self._error = error

    def result(self) -> Content | ScanError:
        """Waits until all files are hashed, and records the hashes."""
        try:
            if self._error is not None:
                raise self._error
            known = {path: self._hash(path, value) for path, value in self._hashes.items()}
        except ScanError as error:
            return error
        except OSError as error:
            got = f"one that cannot be opened: {error.strerror or error}"
            do = "check that it is there and that you may read it"
            return ScanError(self.source.name, step="read", wanted="a file", got=got, do=do)
        together = hashlib.blake2b("\n".join(known.values()).encode(), digest_size=16).hexdigest()
        return Content(together, self._states)

    def _hash(self, path: Path, value: Hash) -> str:
        if isinstance(value, str):
            return value
        state = self._states[path]
        if self._index is not None and state.ctime_ns < self._looked_ns - SETTLED_NS:
            self._index.add_content(path, state, value.result())
        return value.result()
