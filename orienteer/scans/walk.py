"""All files below a folder, each once, and those that cannot be opened at all, with the reason."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orienteer.errors import InputError
from orienteer.files import is_utf8, readable
from orienteer.scans.source import LeftOut

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that a terminal takes for commands."""


class Walked(NamedTuple):
    """The files below a folder.

    Attributes:
        files: those that can be opened, in order.
        left_out: the others, with the reason; of a hidden folder, how many files it holds.
    """

    files: list[Path]
    left_out: list[LeftOut]

    @property
    def found(self) -> int:
        """How many files were found."""
        return len(self.files) + sum(item.files for item in self.left_out)


def walk(root: Path) -> Walked:
    """Returns all files of a folder and its subfolders, or the one file that was named.

    Links to folders are followed, and each folder is entered once, so that loops of links end. Hidden folders are counted.

    Raises:
        InputError: no such folder.
    """
    if not root.exists():
        raise InputError(
            shown(root), wanted="a scan or a folder of scans", got="a path that does not exist", do="check the path"
        )
    walked = Walked([], [])
    for path in _paths(root, walked.left_out) if root.is_dir() else [root]:
        reason = why_not_opened(path)
        if reason is None:
            walked.files.append(path)
        else:
            walked.left_out.append(LeftOut(shown(path.relative_to(root) if root.is_dir() else path), reason))
    return walked


def shown(relative: Path) -> str:
    r"""Returns a path as text that can be printed and stored, whatever its bytes.

    Example:
        >>> shown(Path(os.fsdecode(b"scan-\xff.nii")))
        'scan-\\xff.nii'
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", readable(relative.as_posix()))


def why_not_opened(path: Path) -> str | None:
    """Returns why a file cannot be opened; None if nothing is known against it."""
    if not is_utf8(path):
        return "its name or that of its folder is not UTF-8; rename it"
    if _CONTROL.search(str(path)):
        return "its name or that of its folder holds control characters; rename it"
    try:
        status = path.stat()
    except OSError as error:
        return f"cannot be opened: {(error.strerror or str(error)).lower()}"
    return None if stat.S_ISREG(status.st_mode) else "not a file with content (a pipe, socket or device)"


def _paths(root: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        name = shown(Path(error.filename).relative_to(root))
        left_out.append(LeftOut(name, f"the folder cannot be opened: {(error.strerror or str(error)).lower()}", 0))

    entered: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=unreadable):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            below.clear()
            left_out.append(
                LeftOut(
                    shown(Path(folder).relative_to(root)),
                    "a link to a folder that is searched already",
                    0,
                )
            )
            continue
        entered.add((status.st_dev, status.st_ino))
        for name in sorted(below):
            if name.startswith("."):
                count = sum(len(files) for _, _, files in os.walk(Path(folder, name)))
                left_out.append(LeftOut(shown(Path(folder, name).relative_to(root)), "a hidden folder", count))
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))
