"""The page of a run beside its training, in a process of its own: ``python -m orienteer.watching.beside RUN``.

`orienteer.pretraining.page_beside` starts it. It ends when its standard input does, that is with the training, however that
ends.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import IO

from orienteer.errors import InputError
from orienteer.progress import say
from orienteer.watching.watch import serve

FAREWELL_S = 5.0
"""Time for an open page to ask once more, so that it shows the end of the run."""


def main(folder: str, training: IO[bytes]) -> int:
    """Serves the page of a run until the training ends, and returns the exit code.

    Args:
        folder: the run folder.
        training: ends when the training does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C asks the training to stop, which saves before it ends
    if hasattr(os, "nice"):
        os.nice(10)  # the training goes first

    def until() -> None:
        training.read()
        time.sleep(FAREWELL_S)

    try:
        serve(Path(folder), 0, True, "It ends with the training.", until)
    except InputError as error:
        say(f"orienteer: {error} The training continues without the page.")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.stdin.buffer))
