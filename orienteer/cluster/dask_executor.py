"""Runs jobs on the workers of a Dask cluster, with the interface of `Executor`.

Dask places the jobs, notices workers that are lost and runs their jobs elsewhere. What is ours: a job runs in a process of
its own on the worker (`worker_side.py`), and no more jobs are handed over than the workers run at a time. So a worker that
dies takes one job for each of its threads along, and only these count as those that may have killed it.
"""

import pickle
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from orienteer.cluster.connect import Cluster
from orienteer.cluster.worker_side import (
    Place,
    Request,
    WorkerUnfit,
    forget_processes,
    run_request,
    stop_processes,
    versions,
)
from orienteer.executor import thread_limits
from orienteer.files import write_bytes
from orienteer.progress import say
from orienteer.worker_process import NO_BOUNDS, Bounds, WorkerDied, opened

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

SILENT_S = 3.0
"""How long there may be no worker before that is printed."""


class DaskExecutor(Generic[JobT, ResultT]):
    """Runs a function on jobs on the workers of a cluster, and yields the results as they finish.

    Args:
        cluster: where.
        function: a module-level function, or a callable object that can be pickled. Every process receives it once and
            keeps it. Without ``shared`` it goes with every job and should be small.
        most: jobs at a time; by default as many as the workers have threads.
        threads: of the numerical libraries in each process; by default what the worker was started with.
        patience_s: when the executor is closed, running jobs are asked to stop by SIGTERM and killed after so many
            seconds. By default they are finished.
        shared: folder that the jobs write to, if they do. A file in it brings the function to the workers, and shows
            whether they see the same folder.
        seen: what jobs read.
    """

    def __init__(
        self,
        cluster: Cluster,
        function: Callable[[JobT], ResultT],
        most: int | None,
        *,
        threads: int | None = None,
        patience_s: float | None = None,
        shared: Path | None = None,
        seen: Sequence[Path] = (),
    ) -> None:
        self._cluster, self._client, self._most, self._patience_s = cluster, cluster.client, most, patience_s
        environment = () if threads is None else tuple(thread_limits(threads).items())
        token = uuid.uuid4().hex
        self._function = pickle.dumps(function)
        self._file = None if shared is None else shared.absolute() / f".cluster-{token}.part"
        paths = tuple(path.absolute() for path in (self._file, *seen) if path is not None)
        self._place = Place(token, self._file or self._function, environment, Path.cwd(), paths, versions())
        self._jobs: dict[Any, JobT] = {}
        self._number = 0

    def submit(self, job: JobT, log: Path | None = None, bounds: Bounds = NO_BOUNDS) -> None:
        """Starts a job, once a worker is free.

        Args:
            job: a value that can be pickled.
            log: a new file for the stdout and stderr of the job, with the traceback of its error.
            bounds: the time and memory that the job may take. A bound of memory becomes the same share of the memory of
                the worker's machine.

        Raises:
            InputError: the scheduler went away.
        """
        if self._file is not None and not self._number:
            write_bytes(self._file, self._function)
        self._wait_for_room()
        request = Request(self._place, pickle.dumps(job), log, bounds.seconds, _share(bounds.memory_bytes))
        self._number += 1
        key = f"orienteer-{self._place.token}-{self._number}"
        self._jobs[self._client.submit(run_request, request, key=key, pure=False)] = job

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, "Future[ResultT]"]]:
        """Yields the jobs that have finished since the last call, as they finish, each with its completed future.

        ``future.result()`` returns the value of the function, or raises the error that it raised; `WorkerDied` if the
        process of the job terminated or was killed since its time was over, or its worker terminated twice.

        Args:
            everything: wait for all jobs that have been submitted.

        Raises:
            InputError: the scheduler went away, or a worker does not see the files.
            KeyboardInterrupt: Ctrl-C while it waits. The running jobs continue; call again to wait for them.
        """
        while self._jobs:
            done = [future for future in self._jobs if future.done()]
            if not done and not everything:
                return
            if not done:
                self._wait(list(self._jobs))
            for future in done:
                yield self._jobs.pop(future), self._outcome(future)

    def close(self) -> None:
        """Ends the processes on the workers, after their jobs have finished or ``patience_s`` is over."""
        try:
            with suppress(Exception):  # what a scheduler that is gone leads to; its workers end their processes
                if not self._cluster.lost():
                    self._end_jobs()
                    self._client.run(forget_processes, self._place.token, on_error="ignore")
        finally:  # also after a second Ctrl-C
            if self._file is not None:
                self._file.unlink(missing_ok=True)

    def __enter__(self) -> "DaskExecutor[JobT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_jobs(self) -> None:
        while running := self._running():
            if self._patience_s is not None:  # each time: a job may have had no process yet
                self._client.run(stop_processes, self._place.token, self._patience_s, on_error="ignore")
            self._wait(running)

    def _running(self) -> list[Any]:
        return [future for future in self._jobs if not future.done()]

    def _wait_for_room(self) -> None:
        """Waits until the workers run fewer jobs than they can, or there is a worker."""
        since, announced = time.monotonic(), False
        while True:
            room, running = self._room(), self._running()
            if len(running) < room:
                return
            if not room and not announced and time.monotonic() - since > SILENT_S:
                announced = True
                say(f"waiting for workers of {self._cluster.name}")
            self._wait(running)

    def _room(self) -> int:
        try:
            threads = self._cluster.threads()
        except (OSError, RuntimeError, CancelledError) as error:
            raise self._cluster.gone() from error
        return threads if self._most is None else min(threads, self._most)

    def _wait(self, futures: Sequence[Any]) -> None:
        """Waits a second at most for one of the futures."""
        import distributed  # an extra

        wait: Any = distributed.wait
        with suppress(TimeoutError, CancelledError), self._client.as_current():
            if futures:
                wait(futures, timeout=1.0, return_when="FIRST_COMPLETED")
            else:
                self._client.wait_for_workers(1, timeout=1.0)
        if self._cluster.lost():
            raise self._cluster.gone()

    def _outcome(self, future: Any) -> "Future[ResultT]":
        from distributed.scheduler import KilledWorker  # an extra

        outcome: Future[ResultT] = Future()
        try:
            outcome.set_result(opened(future.result()))
        except KilledWorker as error:
            times = error.allowed_failures + 1
            outcome.set_exception(WorkerDied(f"its worker terminated {times} times, last {error.last_worker.address}"))
        except CancelledError as error:
            raise self._cluster.gone() from error
        except WorkerUnfit:
            raise
        except ModuleNotFoundError as error:
            if error.name != "orienteer":
                outcome.set_exception(error)
                return outcome
            do = "install the same environment on all machines"
            raise WorkerUnfit("a worker", wanted=versions(), got="no orienteer", do=do) from error
        except Exception as error:
            outcome.set_exception(error)
        return outcome


def _share(memory_bytes: int | None) -> float | None:
    from distributed.system import MEMORY_LIMIT  # of this machine or container; an extra

    return None if memory_bytes is None else memory_bytes / MEMORY_LIMIT
