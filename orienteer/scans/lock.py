"""Keeps two processes from preparing into one store at the same time."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orienteer.errors import InputError

LOCK_NAME, HOLDER_NAME = "writer.lock", "writer.txt"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the store's lock while the block runs.

    The lock is SQLite's on a file of its own: the operating system frees it when a process dies, however it dies, so
    that a lock is never stale, and it works the same on all systems.

    Raises:
        InputError: another process holds it; says which.
    """
    connection = _locked(folder)
    try:
        (folder / HOLDER_NAME).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        (folder / HOLDER_NAME).unlink(missing_ok=True)
        connection.close()


def _locked(folder: Path) -> sqlite3.Connection:
    """Returns the connection that holds the lock until it is closed."""
    connection = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / LOCK_NAME, timeout=0, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
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


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / HOLDER_NAME).read_text()
    return "unknown"
