"""Work in a forked process: that ends with an error in words, is killed at a moment, or is stopped after a time."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Moment:
    """When a command is killed: at the rename of that number, or after so many seconds."""

    rename: int | None = None
    after: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.rename is None:
            return f"after {self.seconds:.2f} s"
        return f"{'after' if self.after else 'before'} rename {self.rename}"


def ended(work: Callable[[], object], log: Path) -> str:
    """Runs work in a forked process; returns the error that it ended with, or nothing."""
    reason = log.with_name("reason.txt")
    reason.unlink(missing_ok=True)
    process = forked(work, log, reason)
    status = os.waitpid(process, 0)[1]
    if status == 0:
        return ""
    return reason.read_text() if reason.is_file() else f"ended with status {status}"


def killed(work: Callable[[], object], moment: Moment, log: Path) -> bool:
    """Runs work in a forked process that is killed at a moment; returns whether it was still running."""
    if moment.rename is not None:
        rename, after = moment.rename, moment.after
        process = forked(lambda: _dying(rename, after, work), log, log.with_name("reason.txt"))
    else:
        process = forked(work, log, log.with_name("reason.txt"))
        time.sleep(moment.seconds)
        os.kill(process, signal.SIGKILL)  # it is not reaped yet, so the number is still its own
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def forked(work: Callable[[], object], log: Path, reason: Path) -> int:
    """Returns the number of a forked process that runs work, with its output in a log and its error in words."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        status = 0
    except BaseException as error:
        traceback.print_exc()
        reason.write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


def counting(counter: Path, work: Callable[[], object]) -> None:
    """Runs work and writes down how often a file was renamed."""
    renames = _hook(lambda number: None, lambda number: None)
    work()
    counter.write_text(str(renames[0]))


def _dying(rename: int, after: bool, work: Callable[[], object]) -> None:
    """Runs work in this process, which is killed before or after the n-th rename."""

    def die(number: int) -> None:
        if number == rename:
            os.kill(os.getpid(), signal.SIGKILL)

    def live(number: int) -> None:
        pass

    _hook(*((live, die) if after else (die, live)))
    work()


def _hook(before: Callable[[int], None], after: Callable[[int], None]) -> list[int]:
    """Calls functions around every rename of this process, with its number from 1; returns the number so far."""
    real, count = os.replace, [0]

    def replace(source: Any, target: Any, **folders: Any) -> None:
        count[0] += 1
        before(count[0])
        real(source, target, **folders)
        after(count[0])

    os.replace = replace
    return count
