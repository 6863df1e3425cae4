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
    """Runs a function on jobs, in this process or in processes of its own, and gives back results as they come.

    A process runs one job at a time and is kept for the next one. It is started anew, not forked: forking a process that
    has threads (torch, SimpleITK) can hang. Ctrl-C does not reach it, and it ends when this process does.

    Args:
        function: what to do with a job: a function or an object that is importable by name and can be pickled. Every
            process receives it once and keeps it, so that it may be large and may remember things.
        workers: how many processes; 0 runs every job in this process when it is submitted.
        threads: how many threads the libraries may use in each process; None leaves that to them.
        patience_s: how long the jobs in hand may still take when the executor is closed, seconds, after they have been
            asked to stop by SIGTERM. None: they are finished.

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
        self._threads = ThreadPoolExecutor(max(1, workers))  # each waits for one process
        self._processes: list[_Process] = []
        self._jobs: dict[Future[ResultT], JobT] = {}

    def submit(self, job: JobT, log: Path | None = None) -> None:
        """Starts a job; waits first until a process is free.

        Args:
            job: a value that can be pickled.
            log: a file to make, for what the job writes to stdout and stderr, with the traceback of its error. A job that
                runs in this process writes all that where this process does.
        """
        if self._workers == 0:
            self._jobs[_run_here(self._function, job, log)] = job
            return
        request = pickle.dumps((job, log))
        self._jobs[self._threads.submit(self._free_process().run, request)] = job

    def finished(self, everything: bool = False) -> Iterator[tuple[JobT, Future[ResultT]]]:
        """Yields the jobs that have finished since the last call, in the order in which they finish.

        The future's ``result()`` is what the function returned. Where the function raised an error, it raises that error,
        and `WorkerDied` where the process ended.

        Args:
            everything: wait for all jobs that have been submitted.

        Raises:
            KeyboardInterrupt: Ctrl-C while it waits. The jobs in hand go on, and may be waited for again.
        """
        while self._jobs:
            done = _wait(self._jobs, everything)
            if not done:
                return
            for future in [future for future in self._jobs if future in done]:
                yield self._jobs.pop(future), future

    def close(self) -> None:
        """Ends the processes, once the jobs in hand are finished or the patience is at an end."""
        if self._patience_s is not None:
            for process in self._processes:
                process.ask_to_stop()
            end = time.monotonic() + self._patience_s
            for process in self._processes:
                process.kill(end - time.monotonic())
        try:
            self._threads.shutdown(wait=True, cancel_futures=True)
        finally:  # also where a second Ctrl-C ends the wait: the processes then end at once
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
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_limits(threads: int) -> dict[str, str]:
    """Returns the environment variables that give the numerical libraries of a process their share of the cores."""
    names = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    return {"OMP_WAIT_POLICY": "PASSIVE"} | dict.fromkeys(names, str(threads))


def _wait(futures: Any, until_one: bool) -> set[Future[Any]]:
    """Returns the futures that are done. Waits in short turns, since Ctrl-C cannot end a wait without limit everywhere."""
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
"""What reading and writing raise when the process at the other end is gone."""


class _Process:
    """One process, seen from here. Requests go to its standard input, replies come from its standard output."""

    def __init__(self, function: Callable[[Any], Any], environment: dict[str, str]) -> None:
        self._function: bytes | None = pickle.dumps(function)
        self.busy = False
        command = f"import sys; sys.path[:] = {sys.path!r}; from orienteer.executor import _serve; _serve()"
        self._popen = subprocess.Popen(
            [sys.executable, "-u", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            start_new_session=True,  # Ctrl-C is for this process, which stops the others in its own way
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
        """Sends the function, once; the reply comes when the process has imported it."""
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
    """Sends bytes as one pickled value: the other end can always take them out, whatever they hold."""
    pickle.dump(content, pipe)
    pipe.flush()


# In the process of its own


def _serve() -> None:
    """Runs the jobs that come through standard input and sends the results through standard output, until no more come."""
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
    """Takes requests in at any time, so that this process ends with the one that started it, also in the midst of a job."""
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
        return pickle.dumps((None, _portable(error), f"In the process of the job:\n{traceback.format_exc()}"))


def _write_to(descriptor: int) -> None:
    """Sends everything that this process writes to a file, also what libraries write that are not in Python."""
    for number in (1, 2):
        os.dup2(descriptor, number)


def _portable(error: Exception) -> Exception:
    """Returns an error that survives the way to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
