"""What a worker of Dask does with a job: checks that it sees the same files, and hands it to a process that may die.

The worker itself imports nothing but this. A native library that crashes, or a job beyond its time or memory, ends the
process and not the worker, so that the culprit is named as on one machine.
"""

import asyncio
import os
import pickle
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from orienteer.errors import InputError
from orienteer.worker_process import WorkerProcess


class WorkerUnfit(InputError):
    """A worker that cannot do any of the jobs: it lacks the files, or has other versions."""


@dataclass(frozen=True)
class Place:
    """What the processes of an executor have in common on every worker.

    Attributes:
        token: names the executor.
        function: pickled, or a file of the command that holds it.
        environment: variables of its processes.
        folder: the working directory of the command, in which relative paths are meant.
        seen: what a worker must see: the file of the function, by which it sees the output folder, and the input.
        versions: of Python and this package in the command.
    """

    token: str
    function: bytes | Path
    environment: tuple[tuple[str, str], ...]
    folder: Path
    seen: tuple[Path, ...]
    versions: str


@dataclass(frozen=True)
class Request:
    """A job for a worker.

    Attributes:
        job: pickled.
        log: file for what it prints.
        seconds: time after which its process is killed.
        memory_share: share of the worker's memory that it may take.
    """

    place: Place
    job: bytes
    log: Path | None
    seconds: float | None
    memory_share: float | None


def run_request(request: Request) -> bytes:
    """Returns the result of a job, run in a process of this worker, or its error; `opened` gives either.

    It stays closed here, so that the worker needs none of the modules that it comes from.

    Raises:
        WorkerUnfit: this worker does not see the files, or has other versions.
        NoProcess: no process can be started.
        WorkerDied: the process terminated during the job.
    """
    check_fit(request.place)
    process = _free_process(request.place)
    return process.answer(
        pickle.dumps((request.job, request.log, _memory_bytes(request.memory_share))), request.seconds
    )


def check_fit(place: Place) -> None:
    """Checks that this machine has the versions and the files of the command.

    Raises:
        WorkerUnfit: naming what is missing and this machine.
    """
    host = socket.gethostname()
    if place.versions != versions():
        do = "install the same versions on all machines, best as one environment on a shared disk"
        raise WorkerUnfit(f"worker on {host}", wanted=place.versions, got=versions(), do=do)
    for path in (place.folder, *place.seen):
        if not os.access(path, os.R_OK):
            got, do = (
                f"no such path that can be read on {host}",
                "use a disk that all machines have under the same path",
            )
            raise WorkerUnfit(str(path), wanted="a path that every worker sees", got=got, do=do)


def versions() -> str:
    """Returns what must be the same in a command and its workers."""
    return f"orienteer {version('orienteer')} in Python {sys.version_info.major}.{sys.version_info.minor}"


async def stop_processes(token: str, patience_s: float) -> None:
    """Asks the processes of an executor to stop, and kills those that are there after ``patience_s``."""
    processes = _kept(token)
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        await asyncio.to_thread(process.kill, patience_s)


def forget_processes(token: str) -> None:
    """Ends the idle processes of an executor that is closed."""
    with _turn:
        idle = [process for owner, process in _processes if owner == token and not process.busy]
        _remove(idle)
    _close(idle)


_processes: list[tuple[str, WorkerProcess]] = []
"""The processes of this worker with the tokens of their executors."""

_turn = threading.Lock()


def _free_process(place: Place) -> WorkerProcess:
    """Returns an idle process of an executor, or a new one. Idle ones of others are ended: their command may be gone."""
    with _turn:
        _remove([process for _, process in _processes if not process.alive()])
        idle = [(owner, process) for owner, process in _processes if not process.busy]
        others = [process for owner, process in idle if owner != place.token]
        _remove(others)
        here = next((process for owner, process in idle if owner == place.token), None)
        if here is None:
            function = place.function if isinstance(place.function, bytes) else place.function.read_bytes()
            here = WorkerProcess(function, dict(place.environment), place.folder)
            _processes.append((place.token, here))
        here.busy = True
    _close(others)
    return here


def _kept(token: str) -> list[WorkerProcess]:
    with _turn:
        return [process for owner, process in _processes if owner == token]


def _remove(processes: Sequence[WorkerProcess]) -> None:
    _processes[:] = [entry for entry in _processes if entry[1] not in processes]


def _close(processes: Sequence[WorkerProcess]) -> None:
    for process in processes:
        process.close()


def _memory_bytes(share: float | None) -> int | None:
    from distributed.system import MEMORY_LIMIT  # of this machine or container

    return None if share is None else int(share * MEMORY_LIMIT)
