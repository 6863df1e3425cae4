"""What the explorer keeps in the store of a run, so that its next start is fast: opened scans and their features.

Everything here can be computed again: a file that is missing, damaged or of another version is made anew, and a store that
may only be read is used as it is.
"""

import glob
import hashlib
import json
import shutil
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from orienteer.files import NotWritten, write_bytes
from orienteer.scans.preparation import READING_VERSION, Preparation
from orienteer.scans.source import Selection

FOLDER = "explored"
"""In the store: a folder for each scan that was explored."""

VERSION = 2
"""Goes up when the same scan or features would be written otherwise."""

MOST_BYTES = 4 * 2**30
"""Beyond this, the scans that were explored longest ago are removed. A CT of 256 x 256 x 256 voxels takes about 100 MB."""

SETTLED_S = 2.0
"""A file that was changed this recently is not kept: a second change might not show in its time."""

Arrays = Mapping[str, np.ndarray]


class Kept:
    """Arrays that are kept in the store, by scan and by name.

    Args:
        store: folder of the store.
        most_bytes: how much to keep.

    Attributes:
        note: why something could not be kept, for the user; None if all was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as store:
        ...     kept = Kept(Path(store))
        ...     kept.write("ab12", "features", {"x": np.arange(3)}, {"width": 3})
        ...     arrays, about = kept.read("ab12", "features")
        ...     arrays["x"].tolist(), about, kept.read("ab12", "others")
        ([0, 1, 2], {'width': 3}, None)
    """

    def __init__(self, store: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self._most_bytes = store / FOLDER, most_bytes
        self.note: str | None = None

    def key(self, path: str | Path, selection: Selection, preparation: Preparation) -> str:
        """Returns the key of a scan: a hash of its files' states and of how it is read; empty if it cannot be kept."""
        files = _files(Path(path).resolve())
        try:
            states = [(str(file), file.stat()) for file in files]
        except OSError:
            return ""
        if not states or max(state.st_ctime for _, state in states) > time.time() - SETTLED_S:
            return ""
        parts = [(name, each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_ino) for name, each in states]
        whole = (VERSION, READING_VERSION, selection, preparation.fingerprint(), parts)
        return hashlib.sha256(repr(whole).encode()).hexdigest()[:32]

    def read(self, key: str, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Returns arrays and what is known about them; None if they are not there or not as they were written."""
        path = self._path(key, name)
        if not key or not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {each: file.get_tensor(each) for each in file.keys()}  # noqa: SIM118
                about = json.loads(file.metadata()["about"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        if not isinstance(about, dict) or about.pop("checksum", None) != _checksum(arrays, about):
            return None
        return arrays, about

    def write(self, key: str, name: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
        """Keeps arrays, and removes the oldest scans if that is too much. Without room, nothing is kept, and `note` says so."""
        if not key:
            return
        whole = {each: np.ascontiguousarray(array) for each, array in arrays.items()}
        words = json.dumps({**about, "checksum": _checksum(whole, about)})
        try:
            write_bytes(self._path(key, name), save(whole, metadata={"about": words}))
        except (NotWritten, OSError) as error:
            self.note = f"Not kept for the next start: {self.folder} cannot be written ({error})."
            return
        self._remove_oldest(key)

    def _path(self, key: str, name: str) -> Path:
        return self.folder / key / f"{name}.safetensors"

    def _remove_oldest(self, newest: str) -> None:
        ages, sizes = {}, {}
        for folder in self.folder.iterdir():
            files = [(file.stat().st_mtime, file.stat().st_size) for file in folder.glob("*.safetensors")]
            ages[folder], sizes[folder] = max((age for age, _ in files), default=0.0), sum(size for _, size in files)
        for folder in sorted(ages, key=lambda each: ages[each]):
            if sum(sizes.values()) <= self._most_bytes or folder.name == newest:
                return
            shutil.rmtree(folder, ignore_errors=True)
            del sizes[folder]


def _files(path: Path) -> list[Path]:
    """Returns the files that a scan may consist of: itself and those beside it of the same stem, or all of a folder."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    stem = path.name.partition(".")[0]
    return sorted(file for file in path.parent.glob(f"{glob.escape(stem)}.*") if file.is_file())


def _checksum(arrays: Arrays, about: Mapping[str, Any]) -> int:
    value = zlib.crc32(json.dumps(dict(about)).encode())
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).data, zlib.crc32(name.encode(), value))
    return value
