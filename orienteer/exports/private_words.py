"""What must not be in files that others get: paths of this machine, and names of scans, which may be those of patients."""

import re
from collections.abc import Mapping
from pathlib import Path

from orienteer.errors import InputError
from orienteer.runs.folder import SPLIT_FILE
from orienteer.runs.split import read_split

_PATH = re.compile(
    r"(?<![\w:/.<])(?:/[\w.@~ -]+){2,}|\b[A-Za-z]:\\+\w[^\s\"']*|(?<!\w)~/\w[^\s\"']*|\\\\\\\\\w[^\s\"']*"
)
"""A path from the root of a disk, of a home folder or of a server. Addresses on the web have a colon before their slashes."""

SHORTEST_NAME = 4
"""Letters of a scan's name: a shorter one is in many words."""


def check_nothing_private(folder: Path, files: Mapping[str, bytes]) -> None:
    """Stops where a file that others get holds a path of this machine or the name of a scan of the run.

    Args:
        folder: the run folder, whose split.json names the scans.
        files: content by name.

    Raises:
        InputError: the file and what it holds.
    """
    names = _scan_names(folder)
    for name, blob in files.items():
        text = blob.decode("utf-8", "replace")
        held = first_path(text) or next((scan for scan in names if _holds(text, scan)), None)
        if held is not None:
            do = "correct encoder.json or summary.json of the run, where it comes from"
            raise InputError(name, wanted="a file without paths and names of scans", got=held, do=do)


def first_path(text: str) -> str | None:
    """Returns the first path in a text that names a place of a machine.

    Example:
        >>> first_path("trained on /data/hospital/ct"), first_path("see https://example.org/a/b, 3/4 and a/b")
        ('/data/hospital/ct', None)
    """
    match = _PATH.search(text)
    return match[0] if match else None


def _scan_names(folder: Path) -> list[str]:
    """Returns names of scans, and of their files without folders and endings; none for weights without their run folder."""
    if not (folder / SPLIT_FILE).is_file():
        return []
    training, heldout = read_split(folder)
    files = {Path(name).name for name in (*training.values(), *heldout.values())}
    return sorted({*files, *(name.split(".")[0] for name in files)}, key=len, reverse=True)


def _holds(text: str, name: str) -> bool:
    return len(name) >= SHORTEST_NAME and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
