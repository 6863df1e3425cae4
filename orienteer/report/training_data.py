"""What a run was trained on, for the report: its scans, the scans that failed, and its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orienteer.errors import InputError
from orienteer.files import csv_rows
from orienteer.runs.folder import FAILURES_FILE
from orienteer.runs.loaded import LoadedRun
from orienteer.store.index import StoredScan
from orienteer.store.store import Store

NOT_SHOWN = {
    "scans",
    "probe",
    "out",
    "store",
    "weights",
    "resume",
    "watch",
    "logger",
    "prepare_workers",
    "include",
    "exclude",
    "group_by",
    "skip_audited",
}
"""Settings that name paths on the user's machine or scans, or do not affect what was learned."""

Triplet = tuple[int, int, int]
"""Rounded numbers along the three axes."""


@dataclass(frozen=True)
class ScanGroup:
    """Scans of one part of the run and one modality.

    Attributes:
        trained_on: whether they were trained on; else they were held out.
        modality: ``CT`` or ``MR``.
        count: number of scans.
        formats: their file formats.
        least_vox: smallest size along each axis.
        most_vox: largest size along each axis.
        least_mm: smallest extent along each axis.
        most_mm: largest extent along each axis.
    """

    trained_on: bool
    modality: str
    count: int
    formats: tuple[str, ...]
    least_vox: Triplet
    most_vox: Triplet
    least_mm: Triplet
    most_mm: Triplet


def scan_groups(loaded: LoadedRun) -> list[ScanGroup] | None:
    """Returns the scans of the run by part and modality; None if the store is missing."""
    try:
        store = loaded.open_store()
    except InputError:
        return None
    with store:
        return [*_groups(store, True, list(loaded.training)), *_groups(store, False, list(loaded.validation))]


def failed_scans(folder: Path) -> list[list[str]]:
    """Returns the rows of failures.csv: scan, step, reason, and what to do."""
    file = folder / FAILURES_FILE
    rows = [list(row.values()) for row in csv_rows(file)] if file.is_file() else []
    return [row for row in rows if len(row) == 4]


def shown_settings(loaded: LoadedRun) -> list[tuple[str, str]]:
    """Returns the settings of the run in words, without those that name paths."""
    return [(key, _in_words(value)) for key, value in loaded.config.to_dict().items() if key not in NOT_SHOWN]


def _groups(store: Store, trained_on: bool, keys: Sequence[str]) -> list[ScanGroup]:
    entries = [store.scan(key) for key in keys]
    modalities = sorted({entry.modality for entry in entries})
    return [_group(trained_on, name, [entry for entry in entries if entry.modality == name]) for name in modalities]


def _group(trained_on: bool, modality: str, entries: Sequence[StoredScan]) -> ScanGroup:
    shapes = np.array([entry.shape_vox for entry in entries])
    extents_mm = shapes * np.array(entries[0].spacing_mm)
    return ScanGroup(
        trained_on=trained_on,
        modality=modality,
        count=len(entries),
        formats=tuple(sorted({entry.format for entry in entries})),
        least_vox=_rounded(shapes.min(axis=0)),
        most_vox=_rounded(shapes.max(axis=0)),
        least_mm=_rounded(extents_mm.min(axis=0)),
        most_mm=_rounded(extents_mm.max(axis=0)),
    )


def _rounded(values: np.ndarray) -> Triplet:
    return round(float(values[0])), round(float(values[1])), round(float(values[2]))


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return " x ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)
