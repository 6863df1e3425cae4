"""A process that does cells, one after the other: the libraries are loaded once, the cases prepared once.

Cells come in through standard input and results go out through standard output, pickled; what is said on the way goes into
the log of the cell. When the other end is gone, so is this process.
"""

import os
import pickle
import queue
import sys
import threading
import traceback
from typing import IO, Any


def main() -> None:
    """Does cells until there are no more."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    begin = jobs.get()

    from orienteer.comparison.work.cell import (
        run_cell,
        set_threads,
    )  # here: it takes seconds, and the listener is on guard

    set_threads(begin["threads"])
    while True:
        cell, log = jobs.get()
        with open(log, "w") as file:
            for number in (1, 2):
                sys.stdout.flush()
                os.dup2(file.fileno(), number)
        pickle.dump(attempt(lambda c=cell: run_cell(begin["bench"], c, begin["keep"], begin["alone"])), replies)
        replies.flush()


def attempt(work: Any) -> tuple[str, Any]:
    """Returns ``("done", result)``, or ``("failed", message)`` where the work raised an error."""
    try:
        return "done", work()
    except Exception as error:
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def _listen(source: IO[bytes], jobs: "queue.Queue[Any]") -> None:
    while True:
        try:
            jobs.put(pickle.load(source))
        except EOFError:
            os._exit(0)


if __name__ == "__main__":
    main()
