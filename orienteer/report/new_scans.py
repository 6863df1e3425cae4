"""New scans, prepared with a run's own settings, and the reasons why some of them cannot be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orienteer.pretraining.usable import usable_scans
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.prepare import prepare
from orienteer.scans.read import header
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.scans.store import Store

COARSER = 1.5
"""From this ratio of a scan's voxels to the run's on, detail that the model may count on is missing."""


@dataclass(frozen=True)
class NewScans:
    """Scans that are ready to be looked at.

    Attributes:
        store: folder of the store that they lie in.
        keys: their keys, sorted by name.
        sources: the file of each, by key.
        notes: what a reader must know about their voxels, by key.
        left_out: those that cannot be used, with the reason.
    """

    store: Path
    keys: tuple[str, ...]
    sources: Mapping[str, ScanSource]
    notes: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]


def prepare_new(
    loaded: LoadedRun, found: Discovery, folder: str | Path, selection: Selection, workers: int | None
) -> NewScans:
    """Prepares scans as the run prepared its own; those that cannot be used are named, and the others go on.

    Args:
        loaded: the run.
        found: the scans.
        folder: store to prepare into.
        selection: frame and modality.
        workers: processes; by default one per core.
    """
    left_out = {item.name: item.reason for item in found.left_out}
    if not found.sources:
        return NewScans(Path(folder), (), {}, {}, left_out)
    report = prepare(found, folder, selection, loaded.preparation, workers)
    left_out |= {failure.name: f"{failure.step}: {failure.reason}" for failure in report.failures}
    left_out |= {copy.name: f"the same scan as {copy.original}" for copy in report.duplicates}
    with Store.open(folder) as store:
        usable = usable_scans(store, report.keys, loaded.config, shown=False)
        names = {key: store.scan(key).name for key in report.keys}
    left_out |= {names[key]: _too_small(reason, loaded) for key, reason in usable.too_small.items()}
    keys = tuple(sorted(usable.keys, key=lambda key: names[key]))
    by_name = {source.name: source for source in found.sources}
    # A store that was there before may know a scan by another name than it has now.
    sources = {key: by_name[names[key]] for key in keys if names[key] in by_name}
    notes = {key: _voxel_notes(source, selection, loaded) for key, source in sources.items()}
    return NewScans(Path(folder), keys, sources, notes, left_out)


def _voxel_notes(source: ScanSource, selection: Selection, loaded: LoadedRun) -> tuple[str, ...]:
    assert loaded.config.spacing_mm is not None
    spacing = header(source, selection).spacing_mm
    if not any(own > COARSER * run for own, run in zip(spacing, loaded.config.spacing_mm, strict=True)):
        return ()
    native, wanted = _by(spacing), _by(loaded.config.spacing_mm)
    return (f"voxels of {native} mm, coarser than the {wanted} mm that the run sees: detail is missing",)


def _too_small(reason: str, loaded: LoadedRun) -> str:
    return f"{reason} (at the run's {_by(loaded.config.spacing_mm or ())} mm)"


def _by(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:.3g}" for length in lengths)
