"""Files like nnU-Net's splits_final.json, and the cases that their names stand for."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.labelled.datasets import case_name

_DO = "correct the split file"


def read_split_entries(
    path: str | Path, lists: Sequence[str], may_lack: Sequence[str] = ()
) -> list[dict[str, list[str]]]:
    """Returns the entries of a split file, each with the names in its lists.

    Args:
        path: a list of tables such as ``{"train": [names], "val": [names]}``, or one such table.
        lists: the keys of a table.
        may_lack: those of them that a table may lack.

    Raises:
        InputError: it cannot be read, or has another form.
    """
    wanted = "a list of {" + ", ".join(f'"{key}": [names]' for key in lists) + "}"
    content = read_json(path, Any, wanted=wanted, do=_DO)
    entries = content if isinstance(content, list) else [content]
    for entry in entries:
        for key in lists:
            names = entry.get(key, [] if key in may_lack else None) if isinstance(entry, dict) else None
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise InputError(str(path), wanted=wanted, got="another form", do="write it as nnU-Net does")
    if not entries:
        raise InputError(str(path), wanted=wanted, got="an empty list", do="write it as nnU-Net does")
    return [{key: entry.get(key, []) for key in lists} for entry in entries]


class CaseNames:
    """The cases that names in a split file stand for: their full name, or the last part of it as nnU-Net writes it."""

    def __init__(self, path: str | Path, cases: Sequence[str]) -> None:
        self._path, self._cases, self._short = path, set(cases), dict[str, list[str]]()
        for case in cases:
            self._short.setdefault(PurePosixPath(case).name, []).append(case)

    def case(self, name: str) -> str:
        """Returns the case that a name stands for.

        Raises:
            InputError: no case has it, or several have.
        """
        for text in (name, case_name(name)):
            if text in self._cases:
                return text
            matches = self._short.get(text, [])
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise self._error(name, f"{len(matches)} cases have, {matches[0]!r} and {matches[1]!r} among them")
        raise self._error(name, "no case has")

    def _error(self, name: str, which: str) -> InputError:
        got = f"{name!r}, which {which}"
        return InputError(str(self._path), wanted="names of the data set's cases", got=got, do=_DO)
