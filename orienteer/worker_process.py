"""One worker process, seen from its parent and from inside. `Executor` is what other code uses."""

import faulthandler
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from orienteer.errors import InputError


class WorkerDied(RuntimeError):
    """The process of a job ended without a result."""


class NoProcess(InputError):
    """A worker process could not be started, which no other job would mend."""


@dataclass(frozen=True)
class Bounds:
    """What a job may take. With 0 workers there is nothing to kill, and no bounds are set."""

    seconds: float | None = None
    """Time after which its process is killed."""
    memory_bytes: int | None = None
    """Memory of its process, beyond which allocations fail. Held on Linux only; elsewhere there is no limit that works."""


NO_BOUNDS = Bounds()

_ENDED = (EOFError, OSError, pickle.UnpicklingError)
"""The errors of reading from and writing to a process that has ended."""


class WorkerProcess:
    """A worker process, seen from its parent. Requests go to its stdin, replies come from its stdout.

    Args:
        function: that it calls with each job, pickled.
        environment: variables beside those of its parent.
        folder: its working directory; by default that of its parent.
    """

    def __init__(self, function: bytes, environment: dict[str, str], folder: Path | None = None) -> None:
        self._function: bytes | None = function
        self._overtime = False
        self.busy = False
        command = f"import sys; sys.path[:] = {sys.path!r}; from orienteer.worker_process import serve; serve()"
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-u", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | environment,
                cwd=folder,
                start_new_session=True,  # the terminal sends Ctrl-C to this process only
            )
        except OSError as error:
            got, do = (
                error.strerror or str(error),
                "close other programs, raise the limit (ulimit -u, -n), or use 0 workers",
            )
            raise NoProcess("workers", wanted="a process that can start", got=got, do=do) from error

    def alive(self) -> bool:
        """Returns whether it has not ended."""
        return self._popen.poll() is None

    def run(self, request: bytes, seconds: float | None = None) -> Any:
        """Returns the result of a job, or raises its error; see `answer`."""
        return opened(self.answer(request, seconds))

    def answer(self, request: bytes, seconds: float | None = None) -> bytes:
        """Returns the result of a job or its error, both for `opened`.

        Raises:
            NoProcess: it ended before it could take a job.
            WorkerDied: it ended during the job, or was killed after ``seconds``.
        """
        try:
            self._start()
            try:
                with self._killed_after(seconds):
                    return self._ask(request)
            except _ENDED:
                raise WorkerDied(self._end_in_words(seconds)) from None
        finally:
            self.busy = False

    def ask_to_stop(self) -> None:
        """Sends SIGTERM."""
        self._popen.terminate()

    def kill(self, patience_s: float) -> None:
        """Kills it, unless it ends by itself within ``patience_s``."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(0.0, patience_s))
        self._popen.kill()

    def close(self) -> None:
        """Closes its pipes, on which it ends if it is idle, and waits for its end."""
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
            raise NoProcess("workers", wanted="a process that can start", got=got, do=do) from error
        self._function = None

    def _ask(self, request: bytes) -> bytes:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        _send(self._popen.stdin, request)
        answer: bytes = pickle.load(self._popen.stdout)
        return answer

    @contextmanager
    def _killed_after(self, seconds: float | None) -> Iterator[None]:
        if seconds is None:
            yield
            return
        clock = threading.Timer(seconds, self._kill_late)
        clock.start()
        try:
            yield
        finally:
            clock.cancel()
            clock.join()
            if self._overtime:  # perhaps just after its reply: it must not get another job
                self._popen.wait()

    def _kill_late(self) -> None:
        self._overtime = True
        self._popen.kill()

    def _end_in_words(self, seconds: float | None) -> str:
        ended = self._ended_by()
        if self._overtime:
            return f"it was not finished after {seconds:.0f} s, and its process was killed"
        return f"the process terminated unexpectedly ({ended}): killed, out of memory, or crashed"

    def _ended_by(self) -> str:
        self.close()
        code = self._popen.returncode
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def opened(answer: bytes) -> Any:
    """Returns the result that an answer holds, or raises the error."""
    result, error, note = pickle.loads(answer)
    if error is None:
        return result
    error.add_note(note)
    raise error


def _send(pipe: IO[bytes], content: bytes) -> None:
    """Sends bytes as one pickled value, which the receiver can always unpickle, whatever they hold."""
    pickle.dump(content, pipe)
    pipe.flush()


# In the worker process


def serve() -> None:
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
        job, log, memory_bytes = pickle.loads(request)
        _limit_memory(memory_bytes)
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("w") as file:
                _write_to(file.fileno())
        return pickle.dumps((function(pickle.loads(job)), None, ""))
    except Exception as error:
        if log is not None:
            traceback.print_exc()
        return pickle.dumps((None, _portable(error), f"In the worker process:\n{traceback.format_exc()}"))


def _limit_memory(most_bytes: int | None) -> None:
    """Lets allocations beyond a limit fail, on Linux. Mapped files and program code do not count."""
    if sys.platform == "linux":
        import resource  # not on every platform

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard if most_bytes is None else most_bytes, hard))


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
