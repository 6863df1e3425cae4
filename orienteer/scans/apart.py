"""Parses files of unknown origin in a process of their own, bounded in time and memory.

The native readers can crash on a damaged header, hang, or ask for more memory than there is. Here that ends a process that
nobody misses, and the file is named. The process is started when it is first needed, takes under a second to start, and
serves all calls until this program ends.
"""

import atexit
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from orienteer.errors import InputError, ScanError
from orienteer.executor import Executor
from orienteer.scans.memory import memory_bytes
from orienteer.worker_process import Bounds, WorkerDied

LEAST_SECONDS = 8.0
"""Time for a small file. Headers take milliseconds; the rest is patience with slow disks."""

BYTES_PER_SECOND = 4e6
"""A slow network drive. A file gets the time to be read once at this speed, on top of ``LEAST_SECONDS``."""

MEMORY_BYTES = 3 << 29
"""1.5 GB: a whole label map of 512 x 512 x 800 voxels, with what is needed to look at its values."""

PREPARING_SECONDS, PREPARED_PER_SECOND = 300.0, 1e6
"""Time to prepare a scan: five minutes, and a second for each MB. A whole-body CT of 300 MB takes two minutes on one slow
core."""

MOST_TOGETHER, BYTES_TOGETHER = 32, 8 << 20
"""Small files that are read in one go: asking for each takes as long as reading it."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Reading:
    """A call of a function that reads files.

    Attributes:
        name: of the scan that the files hold, for the error.
        files: what the function reads.
        arguments: of the function.
    """

    name: str
    files: tuple[Path, ...]
    arguments: tuple[Any, ...]


def apart(
    name: str,
    files: Iterable[Path],
    function: Callable[..., ResultT],
    *arguments: Any,
    bounds: Callable[[int], Bounds] | None = None,
) -> ResultT:
    """Returns what a function makes of files, run in another process.

    Args:
        name: of the scan that the files hold, for the error.
        files: what the function reads.
        function: a module-level function. Its arguments and its result are pickled.
        *arguments: of the function.
        bounds: the time and memory for files of so many bytes; by default enough for headers and label maps.

    Raises:
        ScanError: the function's own, or one that tells how the other process failed.
        InputError: the function's own, or a process that cannot be started.
        OSError: the function's own.

    Example:
        >>> apart("a.nii", [], divmod, 7, 2)
        (3, 1)
    """
    (outcome,) = each_apart(function, [Reading(name, tuple(files), arguments)], bounds or reading_bounds)
    if isinstance(outcome, InputError | OSError):
        raise outcome
    return outcome


def each_apart(
    function: Callable[..., ResultT],
    readings: Iterable[Reading],
    bounds: Callable[[int], Bounds] | None = None,
) -> Iterator[ResultT | InputError | OSError]:
    """Yields what a function makes of each reading, in order, or the error; run in another process.

    Example:
        >>> readings = [Reading("a.nii", (), (7, 2)), Reading("b.nii", (), (7, 0))]
        >>> [print(outcome) for outcome in each_apart(divmod, readings)]
        (3, 1)
        b.nii: wanted a file that can be read, got ZeroDivisionError: integer division or modulo by zero. \
Do this: open it in a viewer; if it looks right there, report this.
        [None, None]
    """
    bounds = bounds or reading_bounds
    for batch, nbytes in _batches(readings):
        outcomes = _outcomes(function, batch, bounds(nbytes))
        if isinstance(outcomes, InputError) and len(batch) > 1:  # one of them ended the process: which one?
            for reading in batch:
                yield from _one_by_one(_outcomes(function, [reading], bounds(_bytes(reading))))
        else:
            yield from _one_by_one(outcomes)


def reading_bounds(nbytes: int) -> Bounds:
    """Returns the time and memory to read headers and to look for label maps, for files of so many bytes."""
    return Bounds(LEAST_SECONDS + nbytes / BYTES_PER_SECOND, MEMORY_BYTES)


def preparing_bounds(nbytes: int) -> Bounds:
    """Returns the time and memory to prepare a scan whose files have so many bytes."""
    return Bounds(PREPARING_SECONDS + nbytes / PREPARED_PER_SECOND, memory_bytes())


def _one_by_one(outcomes: "list[Any] | InputError") -> list[Any]:
    return [outcomes] if isinstance(outcomes, InputError) else outcomes


def _batches(readings: Iterable[Reading]) -> Iterator[tuple[list[Reading], int]]:
    batch: list[Reading] = []
    together = 0
    for reading in readings:
        size = _bytes(reading)
        if batch and (len(batch) == MOST_TOGETHER or together + size > BYTES_TOGETHER):
            yield batch, together
            batch, together = [], 0
        batch.append(reading)
        together += size
    if batch:
        yield batch, together


def _bytes(reading: Reading) -> int:
    return sum(_size(file) for file in reading.files)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # the function names what is wrong


def _outcomes(function: Callable[..., Any], batch: Sequence[Reading], bounds: Bounds) -> "list[Any] | ScanError":
    """Returns a result or an error for each, or the error of the process that was to read them."""
    try:
        outcomes: list[Any] = _reader.call(function, batch, bounds)
    except WorkerDied as error:
        do = "leave it out with --exclude, or copy it again if it may be damaged"
        return _error(batch[0].name, str(error), do)
    return outcomes


def _error(name: str, got: str, do: str) -> ScanError:
    return ScanError(name, step="read", wanted="a file that can be read", got=got, do=do)


class _Reader:
    """The process that reads for this one."""

    def __init__(self) -> None:
        self._executor: Executor[Any, Any] | None = None
        self._loaded: set[Callable[..., Any]] = set()
        self._process = 0
        self._turn = threading.Lock()

    def call(self, function: Callable[..., Any], readings: Sequence[Reading], bounds: Bounds) -> Any:
        with self._turn:
            if self._process != os.getpid():  # a forked process leaves its parent's alone
                self._executor, self._process = None, os.getpid()
            if self._executor is None:
                self._executor = Executor(_run, 1, threads=1, patience_s=0.0)
                self._loaded.clear()
            try:
                folder = os.getcwd()  # of this call: the process may have been started in another folder
                if function not in self._loaded:  # importing its module may take longer than reading may
                    self._ask((function, (), folder), Bounds())
                    self._loaded.add(function)
                return self._ask((function, readings, folder), bounds)
            except WorkerDied:
                self._loaded.clear()
                raise

    def close(self) -> None:
        if self._executor is not None and self._process == os.getpid():
            self._executor.close()
        self._executor = None

    def _ask(self, job: tuple[Any, ...], bounds: Bounds) -> Any:
        assert self._executor is not None
        try:
            self._executor.submit(job, log=Path(os.devnull), bounds=bounds)
            ((_, future),) = self._executor.finished(everything=True)
        except BaseException:  # Ctrl-C: its reply would be taken for that of the next call
            self.close()
            raise
        return future.result()


_reader = _Reader()
atexit.register(_reader.close)


# In the other process


def _run(job: tuple[Any, ...]) -> list[Any]:
    function, readings, *folder = job
    if folder:
        os.chdir(folder[0])  # relative paths are meant in the working directory of the call
    return [_outcome(function, reading) for reading in readings]


def _outcome(function: Callable[..., Any], reading: Reading) -> Any:
    try:
        return function(*reading.arguments)
    except (InputError, OSError) as error:
        return error
    except MemoryError:
        do = "leave it out with --exclude, or check the size that its header claims"
        return _error(reading.name, "one that needs more memory than a file may take", do)
    except Exception as error:
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _error(reading.name, got, "open it in a viewer; if it looks right there, report this")
