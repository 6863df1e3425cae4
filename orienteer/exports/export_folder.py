"""The folder of an export, complete if it holds export.json, and what that file says."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.exports.exported import WrittenExport
from orienteer.exports.transfer_table import LEFT_OUT, LOADED, NEW
from orienteer.files import TEMPORARY, replacing, write_json

EXPORT_FILE = "export.json"


@contextmanager
def new_export_folder(folder: Path, overwrite: bool, last: str = EXPORT_FILE, option: str = "out") -> Iterator[Path]:
    """Gives a temporary folder to write into; its files move to ``folder`` if the block succeeds, one file last.

    A folder that holds this file is therefore complete, and where an export is replaced this file goes first.

    Args:
        folder: to make, or to write into.
        overwrite: replace an export that is there.
        last: the file that a complete folder holds.
        option: the option that names the folder, for messages.

    Raises:
        InputError: a file of that name exists and ``overwrite`` is not set, or the folder cannot be written.
    """
    new_folders = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if (folder / last).exists() and not overwrite:
            raise _taken(folder, last, option)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=TEMPORARY, dir=folder.parent) as temporary:
            yield Path(temporary)
            _move_files(Path(temporary), folder, overwrite, last, option)
    except OSError as error:
        raise InputError(
            option,
            wanted="a folder that can be written, with room for the weights",
            got=f"{folder} ({error.strerror or error})",
            do=f"choose another --{option}, or free some disk space",
        ) from error
    finally:
        for path in new_folders:  # of an export that failed; that of one that succeeded is not empty
            with suppress(OSError):
                path.rmdir()


def write_export_json(folder: Path, to: str, card: Mapping[str, Any], written: WrittenExport) -> None:
    """Writes what the files are, where each tensor came from, and how scans must be prepared for them."""
    preparation = ("spacing_mm", "axes", "intensity", "view_size", "unit_mm", "licence", "data_fingerprint")
    facts = {
        "to": to,
        "files": list(written.files),
        **written.facts,
        "from": {"encoder": card.get("encoder"), "arguments": card.get("arguments", card.get("encoder_arguments")),
                 "sha256": card["sha256"]},
        **{key: card.get(key) for key in preparation},
        "checked": {"with": written.checked_with, "largest_difference": written.difference},
        "tensors": {what: [name for row in written.rows if row.what == what for name in row.names]
                    for what in (LOADED, NEW, LEFT_OUT)},
    }  # fmt: skip
    write_json(folder / EXPORT_FILE, facts)


def _move_files(temporary: Path, folder: Path, overwrite: bool, last: str, option: str) -> None:
    names = [path.relative_to(temporary) for path in temporary.rglob("*") if path.is_file()]
    files = sorted(names, key=lambda path: (path.name == last, path))
    existing = [path.as_posix() for path in files if (folder / path).exists()]
    if existing and not overwrite:
        raise _taken(folder, existing[0], option)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / last).unlink(missing_ok=True)
    for path in files:
        with replacing(folder / path) as beside:
            shutil.move(temporary / path, beside)


def _taken(folder: Path, name: str, option: str) -> InputError:
    return InputError(
        option,
        wanted="a folder without an export",
        got=f"{folder}, which holds {name}",
        do=f"choose another --{option}, or replace it with --overwrite",
    )
