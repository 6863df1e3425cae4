"""Stores of small scans: prepared from files, or written directly."""

import sqlite3
from pathlib import Path

import numpy as np

from orienteer.files import write_bytes
from orienteer.scans.body import body_map
from orienteer.scans.preparation import Preparation
from orienteer.store.arrays import checksum, packed
from orienteer.store.index import FILE_NAME, Index, StoredScan, entry_of
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.prepare_report import PrepareReport
from orienteer.store.store import array_path

SETTINGS = Preparation(spacing_mm=(1.0, 1.0, 1.0))

STORED_SETTINGS = "abcdefabcdef"
"""The fingerprint of scans that `add_scan` writes."""


def tissue(seed=0, shape=(24, 20, 22)) -> np.ndarray:
    """Returns a scan that is tissue everywhere, as a tight MR crop."""
    return np.random.default_rng(seed).integers(200, 900, shape).astype(np.int16)


def prepare_here(scans, store, settings=SETTINGS, **options) -> PrepareReport:
    """Prepares scans in this process, without progress."""
    return prepare_folder(scans, store, preparation=settings, progress=False, **({"workers": 0} | options))


def delete_row(store: Path, key: str) -> None:
    """Removes a scan from the index of a store, and leaves its array."""
    connection = sqlite3.connect(store / FILE_NAME)
    connection.execute("DELETE FROM scans WHERE key = ?", (key,))
    connection.commit()
    connection.close()


def add_scan(folder, key, shape=(70, 45, 133), seed=0, settings=STORED_SETTINGS) -> np.ndarray:
    """Writes a scan into a store as preparing does; returns its voxels."""
    voxels = np.random.default_rng(seed).integers(-1000, 1001, shape).astype(np.int16)
    scan = StoredScan(key, f"{key}.nii", "CT", shape, (1.0, 2.0, 3.0), (-5.0, 0.0, 9.5), "content", "NIfTI", 0)
    inside = np.ones(shape, bool)
    inside[-1] = False
    content = packed(voxels, body_map(voxels > 0, inside), entry_of(scan))
    write_bytes(array_path(folder, key), content)
    with Index.for_writing(folder) as index:
        index.add_scan(StoredScan(**entry_of(scan), nbytes=len(content)), settings, checksum(content))
    return voxels
