"""Runs jobs in processes that may die: the job that ended its process is named, and the others go on.

A job can be bounded in time and memory. A process that exceeds its time is killed, and a new one takes the next job.
"""

import os
import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from orienteer.worker_process import NO_BOUNDS, Bounds, WorkerProcess

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class Jobs(Protocol[JobT, ResultT]):
    """What a command knows of where its jobs run; see `Executor`, which runs them on this machine."""

    def submit(self, job: JobT, log: Path | None = None, bounds: Bounds = NO_BOUNDS) -> None:
        """Starts a job, once there is room for it."""

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, Future[ResultT]]]:
        """Yields the jobs that have finished since the last call, each with its completed future."""
        ...

    def close(self) -> None:
        """Ends what still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Executor(Generic[JobT, ResultT]):
    """Runs a function on jobs, in this process or in worker processes, and yields the results as they finish.

    A worker runs one job at a time and is reused for the next one. It is a new Python process, not a fork, since forking a
    process that has threads (torch, SimpleITK) can hang. Ctrl-C does not reach it, and it ends when this process does.

    Args:
        function: a module-level function, or a callable object that can be pickled. Every process receives it once and
            keeps it, so it may be large and may cache what several jobs need.
        workers: number of processes; 0 runs every job in this process when it is submitted.
        threads: number of threads for the numerical libraries in each process; by default their own choice.
        patience_s: when the executor is closed, running jobs are asked to stop by SIGTERM and killed after so many
            seconds. By default they are finished.

    Example:
        >>> with Executor(abs, workers=0) as executor:
        ...     for number in (3, -4):
        ...         executor.submit(number)
        ...     [(job, future.result()) for job, future in executor.finished()]
        [(3, 3), (-4, 4)]
    """

    def __init__(
        self,
        function: Callable[[JobT], ResultT],
        workers: int,
        *,
        threads: int | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._function, self._workers, self._patience_s = function, workers, patience_s
        self._environment = {} if threads is None else thread_limits(threads)
        self._threads = ThreadPoolExecutor(max(1, workers))  # each thread waits for one process
        self._processes: list[WorkerProcess] = []
        self._jobs: dict[Future[ResultT], JobT] = {}

    def submit(self, job: JobT, log: Path | None = None, bounds: Bounds = NO_BOUNDS) -> None:
        """Starts a job, once a process is free.

        Args:
            job: a value that can be pickled.
            log: a new file for the stdout and stderr of the job, with the traceback of its error. With 0 workers both go to
                those of this process instead.
            bounds: the time and memory that the job may take.
        """
        if self._workers == 0:
            self._jobs[_run_here(self._function, job, log)] = job
            return
        request = pickle.dumps((pickle.dumps(job), log, bounds.memory_bytes))
        self._jobs[self._threads.submit(self._free_process().run, request, bounds.seconds)] = job

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, Future[ResultT]]]:
        """Yields the jobs that have finished since the last call, as they finish, each with its completed future.

        ``future.result()`` returns the value of the function, or raises the error that it raised; `WorkerDied` if the
        process of the job terminated or was killed since its time was over; `NoProcess` if none could be started.

        Args:
            everything: wait for all jobs that have been submitted.

        Raises:
            KeyboardInterrupt: Ctrl-C while it waits. The running jobs continue; call again to wait for them.
        """
        while self._jobs:
            done = _wait(self._jobs, everything)
            if not done:
                return
            for future in [future for future in self._jobs if future in done]:
                yield self._jobs.pop(future), future

    def close(self) -> None:
        """Ends the processes, after their jobs have finished or ``patience_s`` is over."""
        if self._patience_s is not None:
            for process in self._processes:
                process.ask_to_stop()
            end = time.monotonic() + self._patience_s
            for process in self._processes:
                process.kill(end - time.monotonic())
        try:
            self._threads.shutdown(wait=True, cancel_futures=True)
        finally:  # also after a second Ctrl-C, which ends the processes at once
            for process in self._processes:
                process.close()

    def __enter__(self) -> "Executor[JobT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _free_process(self) -> WorkerProcess:
        while len(running := [future for future in self._jobs if not future.done()]) >= self._workers:
            _wait(running, True)
        self._processes = [process for process in self._processes if process.alive()]
        idle = [process for process in self._processes if not process.busy]
        if not idle:
            idle = [WorkerProcess(pickle.dumps(self._function), self._environment)]
            self._processes += idle
        idle[0].busy = True
        return idle[0]


def available_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_limits(threads: int) -> dict[str, str]:
    """Returns the environment variables that limit the threads of the numerical libraries."""
    names = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    return {"OMP_WAIT_POLICY": "PASSIVE"} | dict.fromkeys(names, str(threads))


def _wait(futures: Any, until_one: bool) -> set[Future[Any]]:
    """Returns the futures that are done. Waits a second at a time: not every platform lets Ctrl-C end a longer wait."""
    while True:
        done = wait(futures, timeout=1.0 if until_one else 0.0, return_when=FIRST_COMPLETED).done
        if done or not until_one:
            return done


def _run_here(function: Callable[[JobT], ResultT], job: JobT, log: Path | None) -> "Future[ResultT]":
    future: Future[ResultT] = Future()
    try:
        future.set_result(function(job))
    except Exception as error:
        if log is not None:
            traceback.print_exc()
        future.set_exception(error)
    return future
