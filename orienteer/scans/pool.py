"""Worker processes that may die: a job that kills its process is named, and the others go on."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

import SimpleITK as sitk

from orienteer.errors import InputError

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class WorkerDied:
    """The outcome of a job whose process ended without an answer: killed, out of memory, or crashed in a library."""


class Pool(Generic[JobT, ResultT]):
    """Runs a function on jobs in worker processes, never more at a time than there are workers.

    Workers are spawned, not forked: forking a process that has threads (torch, SimpleITK) can hang.

    Args:
        function: a module-level function. It should return its failures, not raise them.
        workers: processes; 0 runs the jobs here.
    """

    def __init__(self, function: Callable[[JobT], ResultT], workers: int) -> None:
        self._function, self._workers = function, workers
        self._executor: ProcessPoolExecutor | None = None
        self._running: dict[Future, JobT] = {}
        self._done_here: list[tuple[JobT, ResultT]] = []

    def __enter__(self) -> "Pool[JobT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, job: JobT) -> None:
        """Starts a job. Call `finished` after each, so that no more run than there are workers."""
        if self._workers == 0:
            self._done_here.append((job, self._function(job)))
            return
        if self._executor is None:
            self._executor = _executor(self._workers)
            _start(self._executor)
        try:
            self._running[_submit(self._executor, self._function, job)] = job
        except BrokenProcessPool:
            self._running[_broken()] = job

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, ResultT | WorkerDied]]:
        """Yields finished jobs with their results; waits while all workers are busy.

        Args:
            everything: wait for all jobs that have been submitted.
        """
        while self._done_here:
            yield self._done_here.pop(0)
        while self._running and (everything or len(self._running) >= self._workers):
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                if isinstance(future.exception(), BrokenProcessPool):
                    yield from self._one_by_one()
                    break
                yield self._running.pop(future), future.result()

    def _one_by_one(self) -> Iterator[tuple[JobT, ResultT | WorkerDied]]:
        """When a process dies, all running jobs are lost and any may be to blame: each is run again, alone."""
        finished = {future: job for future, job in self._running.items() if future.done() and not future.exception()}
        suspects = [job for future, job in self._running.items() if future not in finished]
        self._running = {}
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
        for future, job in finished.items():
            yield job, future.result()
        for job in suspects:
            with _executor(1) as alone:
                try:
                    _start(alone)
                    result = _submit(alone, self._function, job).result()
                except BrokenProcessPool:
                    yield job, WorkerDied()
                else:
                    yield job, result


def _executor(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)


def _start(executor: ProcessPoolExecutor) -> None:
    """Starts a process, and tells a script that starts them while it is imported (each imports it again)."""
    try:
        _submit(executor, os.getpid).result()
    except BrokenProcessPool as error:
        raise InputError(
            "workers",
            wanted="worker processes that can start",
            got="processes that ended at once",
            do="in a script, put the call under `if __name__ == '__main__':`; or use workers=0",
        ) from error


def _submit(executor: ProcessPoolExecutor, function: Callable, *arguments: Any) -> Future:
    """Submits a job, which may start a process.

    The process inherits that Ctrl-C waits, on systems where it can, until it has learned to ignore it: one that is still
    importing would die of it.
    """
    masked = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        return executor.submit(function, *arguments)
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business; workers finish the scan in hand
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Ends this worker when the parent is killed: nobody would take its result."""
    parent.join()
    os._exit(1)


def _broken() -> Future:
    future: Future = Future()
    future.set_exception(BrokenProcessPool("a worker died before the job began"))
    return future
