"""Runs jobs in processes that may die: the job that ended its process is named, and the others go on."""

import faulthandler
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from orienteer.errors import InputError

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class WorkerDied(RuntimeError):
    """The process of a job ended without a result."""


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
        self._processes: list[_Process] = []
        self._jobs: dict[Future[ResultT], JobT] = {}

    def submit(self, job: JobT, log: Path | None = None) -> None:
        """Starts a job, once a process is free.

        Args:
            job: a value that can be pickled.
            log: a new file for the stdout and stderr of the job, with the traceback of its error. With 0 workers both go to
                those of this process instead.
        """
        if self._workers == 0:
            self._jobs[_run_here(self._function, job, log)] = job
            return
        request = pickle.dumps((job, log))
        self._jobs[self._threads.submit(self._free_process().run, request)] = job

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, Future[ResultT]]]:
        """Yields the jobs that have finished since the last call, as they finish, each with its completed future.

        ``future.result()`` returns the value of the function, or raises the error that it raised; `WorkerDied` if the
        process of the job terminated.

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

    def _free_process(self) -> "_Process":
        while len(running := [future for future in self._jobs if not future.done()]) >= self._workers:
            _wait(running, True)
        self._processes = [process for process in self._processes if process.alive()]
        idle = [process for process in self._processes if not process.busy]
        if not idle:
            idle = [_Process(self._function, self._environment)]
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


_ENDED = (EOFError, OSError, pickle.UnpicklingError)
"""The errors of reading from and writing to a process that has ended."""


class _Process:
    """A worker process, seen from its parent. Requests go to its stdin, replies come from its stdout."""

    def __init__(self, function: Callable[[Any], Any], environment: dict[str, str]) -> None:
        self._function: bytes | None = pickle.dumps(function)
        self.busy = False
        command = f"import sys; sys.path[:] = {sys.path!r}; from orienteer.executor import _serve; _serve()"
        self._popen = subprocess.Popen(
            [sys.executable, "-u", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            start_new_session=True,  # the terminal sends Ctrl-C to this process only
        )

    def alive(self) -> bool:
        return self._popen.poll() is None

    def run(self, request: bytes) -> Any:
        """Returns the result of a job, or raises its error."""
        try:
            self._start()
            try:
                result, error, note = self._ask(request)
            except _ENDED:
                message = f"the process terminated unexpectedly ({self._ended_by()}): killed, out of memory, or crashed"
                raise WorkerDied(message) from None
        finally:
            self.busy = False
        if error is None:
            return result
        error.add_note(note)
        raise error

    def ask_to_stop(self) -> None:
        self._popen.terminate()

    def kill(self, patience_s: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(0.0, patience_s))
        self._popen.kill()

    def close(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr] # both are pipes
        self._popen.wait()

    def _start(self) -> None:
        """Sends the function if it was not sent yet, and waits until the process has imported it."""
        if self._function is None:
            return
        try:
            self._ask(self._function)
        except _ENDED as error:
            got = f"one that ended at once ({self._ended_by()})"
            do = "see its message above; or use 0 workers, which works in this process"
            raise InputError("workers", wanted="a process that can start", got=got, do=do) from error
        self._function = None

    def _ask(self, request: bytes) -> tuple[Any, Exception | None, str]:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        _send(self._popen.stdin, request)
        reply: tuple[Any, Exception | None, str] = pickle.loads(pickle.load(self._popen.stdout))
        return reply

    def _ended_by(self) -> str:
        self.close()
        code = self._popen.returncode
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _send(pipe: IO[bytes], content: bytes) -> None:
    """Sends bytes as one pickled value, which the receiver can always unpickle, whatever they hold."""
    pickle.dump(content, pipe)
    pipe.flush()


# In the worker process


def _serve() -> None:
    """Runs the jobs that arrive on stdin and sends their results to stdout, until stdin is closed."""
    replies, messages = os.fdopen(os.dup(1), "wb"), os.dup(2)
    _write_to(messages)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    function = pickle.loads(requests.get())
    _send(replies, pickle.dumps((None, None, "")))
    while True:
        reply = _answer(function, requests.get())
        _write_to(messages)
        _send(replies, reply)


def _listen(pipe: IO[bytes], requests: "queue.SimpleQueue[bytes]") -> None:
    """Receives requests at any time, so that this process ends with its parent even during a job."""
    while True:
        try:
            requests.put(pickle.load(pipe))
        except _ENDED:
            os._exit(0)


def _answer(function: Callable[[Any], Any], request: bytes) -> bytes:
    log = None
    try:
        job, log = pickle.loads(request)
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("w") as file:
                _write_to(file.fileno())
        return pickle.dumps((function(job), None, ""))
    except Exception as error:
        if log is not None:
            traceback.print_exc()
        return pickle.dumps((None, _portable(error), f"In the worker process:\n{traceback.format_exc()}"))


def _write_to(descriptor: int) -> None:
    """Redirects stdout and stderr to a file descriptor, for libraries outside Python too."""
    for number in (1, 2):
        os.dup2(descriptor, number)


def _portable(error: Exception) -> Exception:
    """Returns an error that can be sent to another process: the same one if it can be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
