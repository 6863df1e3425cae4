"""Label maps on prepared grids, cached in the store beside their scans.

The store may be shared. A label map's name depends on all that it is made from, and it is written whole or not at all, so that
two processes that write the same one at once do no harm.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
from jaxtyping import UInt8

from orienteer.errors import ScanError
from orienteer.files import room_for, write_bytes
from orienteer.store.arrays import checksum, damaged
from orienteer.store.verified import is_verified, set_verified, state_of

SAMPLED_VOXELS = 500
"""Voxels per class that are remembered, to cut patches around."""

FORMAT = 3
"""Goes up when the content of a cached label map changes; older ones are not read, but made again. Since 2 with a checksum,
since 3 of the name too."""

LabelMap = UInt8[np.ndarray, "size0 size1 size2"]
"""Class numbers of the voxels of a prepared scan, background 0."""


def cached_labels_path(store: Path, key: str, file_hash: str, values: Sequence[int]) -> Path:
    """Returns where the label map of a scan is cached.

    Args:
        store: folder of the store.
        key: of the scan in the store.
        file_hash: of the label map's file.
        values: label values of the classes, background first.
    """
    origin = hashlib.blake2b(f"{FORMAT}|{file_hash}|{list(values)}".encode(), digest_size=8).hexdigest()
    return store / "labels" / key[:2] / f"{key}-{origin}.b2nd"


def cache_labels(path: Path, labels: LabelMap, classes: int) -> None:
    """Writes a label map with the number of voxels and a sample of voxels of each class.

    Args:
        labels: class numbers on a prepared grid.
        classes: how many there are, background among them.

    Raises:
        InputError: it cannot be written, for example because the disk is full.
    """
    array = blosc2.asarray(np.ascontiguousarray(labels), cparams=blosc2.CParams(codec=blosc2.Codec.ZSTD, nthreads=1))
    array.schunk.vlmeta["voxels"] = json.dumps(np.bincount(labels.reshape(-1), minlength=classes).tolist())
    array.schunk.vlmeta["foreground"] = json.dumps(_samples(labels, classes))
    array.schunk.vlmeta["checksum"] = _checksum(path, array)
    with room_for("labels", path.parent):
        write_bytes(path, array.to_cframe())


def open_labels(path: Path) -> "blosc2.NDArray":
    """Returns a cached label map; slices are read when they are taken.

    When this process opens it for the first time, it is read in full and compared with its checksum.

    Raises:
        ScanError: it is missing or damaged.
    """
    try:
        state = state_of(path)
        array = blosc2.open(str(path), mode="r", mmap_mode="r", dparams=blosc2.DParams(nthreads=1))
        if not is_verified(path):
            if array.schunk.vlmeta["checksum"] != _checksum(path, array):
                raise damaged(path.name, path, "not what was written")
            set_verified(state)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise (error if isinstance(error, ScanError) else damaged(path.name, path, error)) from error
    return array


def is_cached(path: Path) -> bool:
    """Returns whether a label map is cached, and as it was written."""
    try:
        open_labels(path)
    except ScanError:
        return False
    return True


def class_voxels(path: Path) -> tuple[int, ...]:
    """Returns the voxels of each class of a cached label map, background first."""
    return tuple(_remembered(path, "voxels"))


def class_samples(path: Path) -> dict[int, np.ndarray]:
    """Returns up to `SAMPLED_VOXELS` voxels, ``(voxels, 3)``, of each foreground class that a cached label map has."""
    samples = _remembered(path, "foreground")
    return {int(number): np.array(voxels) for number, voxels in samples.items()}


def _samples(labels: LabelMap, classes: int) -> dict[int, list[list[int]]]:
    rng, samples = np.random.default_rng(0), {}
    for number in range(1, classes):
        flat = np.flatnonzero(labels == number)
        chosen = flat if flat.size <= SAMPLED_VOXELS else rng.choice(flat, SAMPLED_VOXELS, replace=False)
        if flat.size:
            samples[number] = np.stack(np.unravel_index(np.sort(chosen), labels.shape), axis=1).tolist()
    return samples


def _checksum(path: Path, array: "blosc2.NDArray") -> int:
    """Returns the checksum of labels under their name, so that those of another scan are not taken for them."""
    meta = array.schunk.vlmeta
    return checksum(path.name.encode(), array[:].tobytes(), meta["voxels"].encode(), meta["foreground"].encode())


def _remembered(path: Path, what: str) -> Any:
    array = open_labels(path)  # kept until the end: its metadata do not keep it alive
    return json.loads(array.schunk.vlmeta[what])
