"""New scans, prepared with a run's own settings, and the reasons why others cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orienteer.cluster.connect import Cluster
from orienteer.pretraining.usable import usable_scans
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.headers import scan_header
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store
from orienteer.types import TripleMm

COARSER = 1.5
"""From this ratio of a scan's voxel size to the run's on, detail is missing that the model may need."""


@dataclass(frozen=True)
class NewScans:
    """New scans that are prepared.

    Attributes:
        store: folder of their store.
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
    loaded: LoadedRun,
    discovery: Discovery,
    folder: str | Path,
    selection: Selection,
    workers: int | None,
    cluster: Cluster | None = None,
) -> NewScans:
    """Returns new scans, prepared as the run prepared its own; those that cannot be used are listed with the reason.

    Args:
        loaded: the run.
        discovery: the scans.
        folder: store to prepare into.
        selection: frame and modality.
        workers: processes; by default one per core.
        cluster: whose workers prepare the scans; by default this machine does.
    """
    left_out = {item.name: item.reason for item in discovery.left_out}
    if not discovery.sources:
        return NewScans(Path(folder), (), {}, {}, left_out)
    report = prepare_folder(discovery, folder, selection, loaded.preparation, workers, cluster=cluster)
    left_out |= {failure.name: f"{failure.step}: {failure.reason}" for failure in report.failures}
    left_out |= {copy.name: f"the same scan as {copy.original}" for copy in report.duplicates}
    spacing_mm = _spacing_mm(loaded)
    with Store.open(folder) as store:
        usable = usable_scans(store, report.keys, loaded.config, shown=False)
        names = {key: store.scan(key).name for key in report.keys}
    left_out |= {
        names[key]: f"{reason} (at the run's {_times(spacing_mm)} mm)" for key, reason in usable.too_small.items()
    }
    keys = tuple(sorted(usable.keys, key=lambda key: names[key]))
    by_name = {source.name: source for source in discovery.sources}
    # An existing store may have a scan under a name that it no longer has.
    sources = {key: by_name[names[key]] for key in keys if names[key] in by_name}
    notes = {key: _voxel_notes(source, selection, spacing_mm) for key, source in sources.items()}
    return NewScans(Path(folder), keys, sources, notes, left_out)


def _voxel_notes(source: ScanSource, selection: Selection, run_mm: TripleMm) -> tuple[str, ...]:
    scan_mm = scan_header(source, selection).spacing_mm
    if not any(native > COARSER * wanted for native, wanted in zip(scan_mm, run_mm, strict=True)):
        return ()
    return (f"voxels of {_times(scan_mm)} mm, coarser than the {_times(run_mm)} mm of the run: detail is missing",)


def _spacing_mm(loaded: LoadedRun) -> TripleMm:
    return loaded.config.spacing_mm


def _times(lengths_mm: TripleMm) -> str:
    return " x ".join(f"{length:.3g}" for length in lengths_mm)
