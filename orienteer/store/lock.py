"""Keeps two processes from preparing into one store at the same time."""

from pathlib import Path

from orienteer.errors import InputError
from orienteer.locks import Lock
from orienteer.store.disk import disk_full, is_full

LOCK_NAME = "writer.lock"

PATIENCE_S = 600.0
"""How long to wait for another process: several runs may share a store, and each first checks what is prepared."""


class NotWritable(InputError):
    """A store that may be read only."""


def only_writer(folder: Path) -> Lock:
    """Returns the store's lock, to hold with ``with`` while the store is written to.

    Raises:
        InputError: another process holds it for longer than ``PATIENCE_S``, or the parent of this process holds it; the
            message names the process.
        NotWritable: the folder may be read only.
        DiskFull: it has no room for a file.
    """

    def busy(holder: str) -> InputError:
        wanted, got = "no other process preparing into it", f"{holder}, which is preparing"
        return InputError(
            f"store {folder}", wanted=wanted, got=got, do="wait until it has finished, or use another store"
        )

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK_NAME).touch()
    except OSError as error:
        if is_full(error):
            raise disk_full(folder, 0, 0, error) from error
        do = "check the path and its permissions"
        raise NotWritable(f"store {folder}", wanted="a folder that can be written", got=str(error), do=do) from error
    waiting = f"waiting for another process that prepares into {folder}"
    return Lock(folder / LOCK_NAME, busy, patience_s=PATIENCE_S, waiting=waiting)
