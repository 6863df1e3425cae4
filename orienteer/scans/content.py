"""Hashes of the content of scan files: the same content has the same hash wherever it lies, whatever its name."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orienteer.scans.companions import companions
from orienteer.scans.index import FileState, Index
from orienteer.scans.source import ScanSource

AHEAD = 4
"""How many scans are hashed ahead of preparing: few enough that their files are still in memory when they are read."""

Hash: TypeAlias = "str | Future[str]"
"""Known already, or being computed."""


@dataclass(frozen=True)
class Content:
    """The content of a scan's files as a hash, and their states before they were read.

    Attributes:
        hash: of all files together, in the order of the slices.
        states: size and modification time per file.
    """

    hash: str
    states: dict[Path, FileState]

    def changed(self) -> bool:
        """Returns whether any file has changed since it was hashed."""
        return any(file_state(path) != state for path, state in self.states.items())


def contents(sources: Iterable[ScanSource], index: Index) -> Iterator[tuple[ScanSource, Content | OSError]]:
    """Yields every scan with the hash of its files, or with the error of opening them, in the order given.

    Files that the index knows and that have not changed are not read. The others are read a few scans ahead.

    Args:
        sources: the scans.
        index: remembers the hashes; new ones are added to it.
    """
    waiting: deque[tuple[ScanSource, dict[Path, FileState], dict[Path, Hash], OSError | None]] = deque()
    with ThreadPoolExecutor(2) as threads:
        for source in sources:
            states: dict[Path, FileState] = {}
            hashes: dict[Path, Hash] = {}
            error = None
            try:
                states = {path: file_state(path) for path in data_files(source)}
                for path, state in states.items():
                    hashes[path] = index.content(path, state) or threads.submit(file_hash, path)
            except OSError as problem:
                error = problem
            waiting.append((source, states, hashes, error))
            if len(waiting) > AHEAD:
                yield _finished(*waiting.popleft(), index)
        while waiting:
            yield _finished(*waiting.popleft(), index)


def data_files(source: ScanSource) -> list[Path]:
    """Returns all files that hold part of a scan, with those beside a header that hold its voxels."""
    files = list(source.files)
    for path in source.files:
        files += [file for file in companions(path) if file not in files]
    return files


def file_state(path: Path) -> FileState:
    """Returns size and modification time of a file."""
    status = path.stat()
    return FileState(status.st_size, status.st_mtime_ns)


def file_hash(path: Path) -> str:
    """Returns the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _finished(
    source: ScanSource,
    states: dict[Path, FileState],
    hashes: dict[Path, Hash],
    error: OSError | None,
    index: Index,
) -> tuple[ScanSource, Content | OSError]:
    if error is not None:
        return source, error
    known = {}
    try:
        for path, value in hashes.items():
            known[path] = value if isinstance(value, str) else value.result()
            if not isinstance(value, str):
                index.add_content(path, states[path], known[path])
    except OSError as problem:
        return source, problem
    together = hashlib.blake2b("\n".join(known.values()).encode(), digest_size=16).hexdigest()
    return source, Content(together, states)
