"""Which files this process found to be as they were written, so that each is read in full once and not for every view."""

from pathlib import Path

_FOUND_WHOLE: set[int] = set()
"""Hashes of the paths and states of files that this process, or the one that it was forked from, found whole."""


def state_of(path: Path) -> int:
    """Returns a number that is another one after the file was changed or replaced.

    Raises:
        OSError: no such file.
    """
    status = path.stat()
    return hash((str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


def is_verified(path: Path) -> bool:
    """Returns whether this process found a file whole and it has not changed since. It costs a few microseconds."""
    try:
        return state_of(path) in _FOUND_WHOLE
    except OSError:
        return False


def set_verified(state: int) -> None:
    """Remembers that a file was found whole.

    Args:
        state: of the file, taken before it was read.
    """
    _FOUND_WHOLE.add(state)
