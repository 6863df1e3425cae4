"""Keeps two processes from preparing into one store at the same time."""

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orienteer.errors import InputError
from orienteer.progress import say

LOCK_NAME, HOLDER_NAME = "writer.lock", "writer.txt"

PATIENCE_S = 600.0
"""How long to wait for another process: several runs of one store begin with a glance at what is prepared already."""


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the store's lock while the block runs.

    The lock is SQLite's on a file of its own: the operating system frees it when a process dies, however it dies, so
    that a lock is never stale, and it works the same on all systems.

    Raises:
        InputError: another process holds it for longer than ``PATIENCE_S``, or this process's own parent does; says which.
    """
    connection = _locked(folder)
    try:
        (folder / HOLDER_NAME).write_text(_holder_words(os.getpid()))
        yield
    finally:
        (folder / HOLDER_NAME).unlink(missing_ok=True)
        connection.close()


def _locked(folder: Path) -> sqlite3.Connection:
    """Returns the connection that holds the lock until it is closed."""
    connection, begun, told = None, time.monotonic(), False
    parent = _holder_words(os.getppid())  # to wait for it could be to wait for ever: it may wait for this process
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / LOCK_NAME, timeout=0, isolation_level=None)
        while not _taken(connection, last=time.monotonic() >= begun + PATIENCE_S or _holder(folder) == parent):
            if not told and time.monotonic() > begun + 2:
                say(f"waiting for another process that prepares into {folder} ({_holder(folder)})")
                told = True
            time.sleep(0.1)
        return connection
    except (OSError, sqlite3.Error) as error:
        if connection is not None:
            connection.close()
        if "locked" in str(error):
            wanted, got = "no other process preparing into it", f"one at work ({_holder(folder)})"
            do = "wait until it has finished, or use another store"
        else:
            wanted, got, do = "a folder that can be written", str(error), "check the path and its permissions"
        raise InputError(f"store {folder}", wanted=wanted, got=got, do=do) from error


def _taken(connection: sqlite3.Connection, last: bool) -> bool:
    """Takes the lock, or says that another process has it; the last time with the error."""
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if last or "locked" not in str(error):
            raise
        return False
    return True


def _holder_words(process: int) -> str:
    return f"process {process} on {socket.gethostname()}"


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / HOLDER_NAME).read_text()
    return "unknown"
