"""Starts the page that watches a run in a process beside its training, which it can neither slow nor stop."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orienteer.progress import say

MODULE = "orienteer.watching.beside"
"""Serves the page. It is not imported: what lies above this package is started as a program."""


@contextmanager
def page_beside(folder: Path, wanted: bool) -> Iterator[None]:
    """Serves the page of a run while the block runs, if it is wanted, and a few seconds longer.

    A page that cannot be started is reported, and the block runs all the same.

    Args:
        folder: the run folder.
        wanted: whether there is to be a page.
    """
    if not wanted:
        yield
        return
    try:
        page = subprocess.Popen([sys.executable, "-m", MODULE, str(folder)], stdin=subprocess.PIPE)
    except OSError as error:
        say(f"the page of the run cannot be started ({error.strerror}); the training continues without it")
        yield
        return
    try:
        yield
    finally:
        if page.stdin is not None:
            with suppress(OSError):
                page.stdin.close()  # its sign to end
