"""Files: written whole or not at all, inside their output folder, under a lock that several processes respect."""

import csv
import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orienteer.errors import InputError
from orienteer.progress import say

TEMPORARY = ".part"
"""How the name of a file ends that is not whole yet. A killed process may leave one behind; nothing ever reads it."""

_numbers = count()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file so that its name holds either all of the new content or what was there before.

    The content goes to a temporary name that no other process or thread uses, is flushed to the disk, and is renamed; then
    the folder is flushed too, so that the rename survives a power cut.

    Args:
        path: the file; its folder is made if it is not there.
        content: all of it.

    Raises:
        OSError: the disk is full or fails; nothing is left behind, and an earlier file is unchanged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bytes(f"{folder}/new/a.txt", b"whole")
        ...     sorted(path.name for path in Path(folder, "new").iterdir())
        ['a.txt']
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> None:
    """Writes a JSON file that ends with a newline, whole or not at all; see `write_bytes`."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def write_csv(path: str | Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a CSV file with a header line, whole or not at all; see `write_bytes`."""
    write_text(path, csv_text(head, rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Returns a table as CSV text, lines ending with a newline.

    Example:
        >>> csv_text(["scan", "dice"], [["a, b", 0.5]])
        'scan,dice\n"a, b",0.5\n'
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


@contextmanager
def replacing(path: str | Path, suffix: str = "") -> Iterator[Path]:
    """Gives a temporary path to write to; what lies there when the block ends takes the place of ``path``.

    For libraries that write files themselves. Where the block raises, the temporary file is removed and ``path`` is left as
    it was.

    Args:
        path: the file to make or to replace; its folder is made if it is not there.
        suffix: an ending that the library needs to recognise the format, such as ``.nii.gz``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f".{path.name}.{os.getpid()}-{threading.get_ident()}-{next(_numbers)}{TEMPORARY}{suffix}"
    )
    try:
        yield temporary
        _flush(temporary, os.O_RDWR)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be flushed
        _flush(path.parent, os.O_RDONLY)


def inside(folder: str | Path, name: str | Path) -> Path:
    """Returns the path of an output file, and refuses one that would lie outside its folder.

    Names of cases and scans come from files of the user. Every output path that is made from such a name goes through here.

    Args:
        folder: the output folder.
        name: path of the file in it.

    Raises:
        InputError: the path is absolute, leads out of the folder by ``..`` or through a link, or is the folder itself.

    Example:
        >>> inside("out", "imagesTr/a.nii.gz").as_posix()
        'out/imagesTr/a.nii.gz'
        >>> inside("out", "../a.nii.gz")
        Traceback (most recent call last):
        orienteer.errors.InputError: output file ../a.nii.gz: wanted a place inside out, got one outside. \
Do this: rename the scan, or list it by a path inside its data set.
    """
    root = Path(folder).resolve()
    place = (root / name).resolve()
    if place == root or not place.is_relative_to(root):
        raise InputError(
            f"output file {name}",
            wanted=f"a place inside {folder}",
            got="one outside",
            do="rename the scan, or list it by a path inside its data set",
        )
    return Path(folder) / name


def safe_names(names: Sequence[str]) -> dict[str, str]:
    """Returns a unique relative path for every name, which stays inside any folder that it is joined to.

    A name that is one already is kept. Absolute paths and paths through ``..`` lose the parts that lead out; a number is
    added where two names would become the same.

    Example:
        >>> safe_names(["ct/a", "../b", "/data/x/b", "../../b"])
        {'ct/a': 'ct/a', '../b': 'b', '/data/x/b': 'data/x/b', '../../b': 'b-2'}
    """
    kept = {name: _inner(name) for name in names}
    taken = {name for name, inner in kept.items() if name == inner}
    for name, inner in kept.items():
        if name == inner:
            continue
        numbered = (inner, *(f"{inner}-{number}" for number in range(2, len(kept) + 2)))
        kept[name] = next(candidate for candidate in numbered if candidate not in taken)
        taken.add(kept[name])
    return kept


def _inner(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "unnamed"


def readable(path: str | Path) -> str:
    r"""Returns a path as text that can be written in UTF-8, whatever its bytes and the locale; what is not UTF-8 as ``\xff``.

    Example:
        >>> readable(os.fsdecode(b"caf\xc3\xa9/b\xff.nii"))
        'café/b\\xff.nii'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_utf8(path: str | Path) -> bool:
    """Returns whether a path is UTF-8. Other paths can be opened, but not by all libraries, nor written into our files."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_leftover(path: Path) -> bool:
    """Returns whether a file is what a killed process left of a file that it was writing."""
    return path.name.startswith(".") and TEMPORARY in path.suffixes


class Lock:
    """A lock on a folder that the operating system frees when its holder dies, however it dies.

    Its error names the holder. It can wait for another process, but never for the one that started this process, which may
    itself be waiting.

    Args:
        path: the lock file. A second file beside it, ending in ``.holder``, names the process.
        busy: makes the error for a lock that another process keeps, from the words that name that process.
        patience_s: how long to wait for another process, seconds.
        waiting: what to print when the wait takes longer than two seconds, before the name of the holder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS
        ...     busy = lambda holder: InputError("out", wanted="a free folder", got=holder, do="wait")
        ...     with Lock(Path(folder, ".lock"), busy):
        ...         Lock(Path(folder, ".lock"), busy).acquire()
        Traceback (most recent call last):
        orienteer.errors.InputError: out: wanted a free folder, got process ... Do this: wait.
    """

    def __init__(
        self, path: Path, busy: Callable[[str], InputError], *, patience_s: float = 0.0, waiting: str = ""
    ) -> None:
        self._path, self._busy, self._patience_s, self._waiting = path, busy, patience_s, waiting
        self._holder_file = path.with_name(f"{path.name}.holder")
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            InputError: what ``busy`` makes of the holder, once the patience is at an end.
            OSError: the lock file cannot be written.
        """
        began, announced = time.monotonic(), False
        while True:
            try:
                self._lock.acquire(timeout=0)
                break
            except Timeout:
                waited, holder = time.monotonic() - began, self._holder()
                if not self._path.exists():  # released this moment
                    continue
                if waited >= self._patience_s or holder == process_words(os.getppid()):
                    raise self._busy(holder) from None
                if self._waiting and not announced and waited > 2:
                    say(f"{self._waiting} ({holder})")
                    announced = True
                time.sleep(0.1)
        self._holder_file.write_text(process_words(os.getpid()))

    def release(self) -> None:
        """Releases the lock and removes its files."""
        if not self._lock.is_locked:
            return
        self._holder_file.unlink(missing_ok=True)
        if os.name == "posix":  # a process that waits for a file that was removed sees that it was, and makes it anew
            self._path.unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> "Lock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _holder(self) -> str:
        with suppress(OSError):
            return self._holder_file.read_text() or "another process"
        return "another process"


def process_words(process: int) -> str:
    """Returns how messages name a process of this machine."""
    return f"process {process} on {socket.gethostname()}"


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
