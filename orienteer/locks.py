"""The lock on a folder that one process at a time may use."""

import os
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from orienteer.errors import InputError
from orienteer.files import FULL, NotWritten, write_text
from orienteer.progress import say


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
        self._holder_file = _holder_file(path)
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            InputError: what ``busy`` makes of the holder, once the patience is at an end.
            NotWritten: the lock file cannot be written.
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
            except OSError as error:  # a folder or a link under its name, no permission, or a disk without locks
                raise NotWritten(self._path, error) from error
        try:
            write_text(self._holder_file, process_words(os.getpid()))
        except OSError as error:
            if error.errno not in FULL:  # a full disk does not matter to the lock, only to messages about it
                self.release()
                raise

    def release(self) -> None:
        """Releases the lock and removes its files."""
        if not self._lock.is_locked:
            return
        with suppress(OSError):
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
            return self._holder_file.read_text(errors="replace") or "another process"
        return "another process"


def process_words(process: int) -> str:
    """Returns how messages name a process of this machine."""
    return f"process {process} on {socket.gethostname()}"


def holder_state(path: Path) -> Literal["running", "gone", "elsewhere"] | None:
    """Returns whether the process that locked a folder still runs, without touching the lock.

    Args:
        path: the lock file.

    Returns:
        ``elsewhere`` for a process of another machine, of which nothing can be known; None where nobody holds the lock.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     free = holder_state(Path(folder, ".lock"))
        ...     with Lock(Path(folder, ".lock"), lambda holder: InputError("out", wanted="", got="", do="")):
        ...         free, holder_state(Path(folder, ".lock"))
        (None, 'running')
    """
    file = _holder_file(path)
    try:
        words, since = file.read_text(errors="replace"), file.stat().st_mtime
    except OSError:
        return None
    match = re.fullmatch(r"process (\d+) on (.*)", words)
    if match is None:
        return "gone"
    if match[2] != socket.gethostname():
        return "elsewhere"
    return "running" if _runs(int(match[1]), since) else "gone"


def _holder_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def _runs(number: int, since: float) -> bool:
    """Returns whether a process runs that was there when the file was written: numbers are given out again."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(number)
        return bool(process.create_time() <= since + 1 and process.status() != psutil.STATUS_ZOMBIE)
    return False
