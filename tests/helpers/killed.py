"""Processes that are killed before or after one of the renames by which they write their files."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orienteer import files


class Killed(BaseException):
    """Ends a command at once, as far as a test can: what would have been written later is not there."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, rename: int, after: bool) -> Iterator[None]:
    """Kills the command in the block at the n-th rename, counted from 1, before it or after."""
    real, count = os.replace, [0]

    def replace(source: Any, target: Any) -> None:
        count[0] += 1
        if count[0] > rename:
            raise Killed  # nothing is written by a process that is dead
        if count[0] == rename and not after:
            raise Killed
        real(source, target)
        if count[0] == rename:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", replace)
        yield


def run_killed(
    monkeypatch: pytest.MonkeyPatch, command: Callable[[], Any], folder: Path, rename: int, after: bool
) -> bool:
    """Runs a command that is killed at a rename, with what a killed process leaves; returns whether it was killed."""
    try:
        with killed_at(monkeypatch, rename, after):
            command()
    except Killed:
        if folder.is_dir():
            (folder / ".summary.json.77-1-0.part").write_text("{")
            (folder / ".lock").touch()
        return True
    return False


def contents(folder: Path, but: tuple[str, ...]) -> dict[str, bytes]:
    """Returns the content of every file of an output folder that is not hidden, but for some by name."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.name not in but}
