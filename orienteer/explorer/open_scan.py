"""Opens a scan for the explorer: reads and prepares it, and warns if the model may not be fit for it."""

from pathlib import Path

from orienteer.errors import InputError, ScanError
from orienteer.explorer.scan import OpenScan, in_words
from orienteer.explorer.view_geometry import spacing_mm, view_size
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_header
from orienteer.scans.prepare_scan import prepare_scan_apart
from orienteer.scans.source import ScanSource, Selection
from orienteer.views.sample import can_hold

COARSER = 2.0
"""A warning is given from this ratio of the scan's voxel size to the run's on."""


def open_scan(path: str | Path, loaded: LoadedRun) -> OpenScan:
    """Returns a scan, prepared as the run prepared its own.

    Args:
        path: a file, or a folder with one DICOM series.
        loaded: the run.

    Raises:
        InputError: no scan, several scans, a scan that cannot be read, or one smaller than a view.
    """
    selection = Selection(frame=loaded.config.frame, modality=loaded.config.modality)
    source = _only_source(path, selection)
    arrays = prepare_scan_apart(source, selection, loaded.preparation)
    size_vox = view_size(loaded)
    shape0, shape1, shape2 = arrays.voxels.shape
    reason = can_hold((shape0, shape1, shape2), arrays.body, size_vox, min_body_fraction=0.0)
    if reason is not None:
        raise ScanError(
            source.name,
            step="fit",
            wanted=f"room for a view of {size_vox} voxels of {arrays.spacing_mm} mm, as this run uses",
            got=reason,
            do="choose a larger scan, or a run with smaller views",
        )
    return OpenScan(
        name=source.name,
        stored=arrays.voxels,
        body=arrays.body,
        spacing_mm=arrays.spacing_mm,
        origin_mm=arrays.origin_mm,
        modality=arrays.modality,
        value_range=arrays.value_range,
        warnings=tuple(_warnings(source, selection, arrays.modality, loaded)),
    )


def _only_source(path: str | Path, selection: Selection) -> ScanSource:
    sources = discover(path, selection, progress=False).sources
    if len(sources) > 1:
        raise InputError(
            str(path),
            wanted="one scan",
            got=f"{len(sources)}, among them {sources[0].name} and {sources[1].name}",
            do="name one file, or the folder of one DICOM series",
        )
    return sources[0]


def _warnings(source: ScanSource, selection: Selection, modality: str, loaded: LoadedRun) -> list[str]:
    warnings = []
    known = _training_modalities(loaded)
    if known and modality not in known:
        trained = " and ".join(sorted(known))
        warnings.append(
            f"This scan is {modality}; the model was trained on {trained} only. Its predictions may be wrong."
        )
    scan_mm, run_mm = scan_header(source, selection).spacing_mm, spacing_mm(loaded)
    if any(native > COARSER * wanted for native, wanted in zip(scan_mm, run_mm, strict=True)):
        warnings.append(
            f"This scan's voxels are {in_words(scan_mm)} mm, much coarser than the {in_words(run_mm)} mm that the model was "
            "trained on: detail is missing."
        )
    if source.name in loaded.training.values():
        examples = ", ".join(sorted(loaded.validation.values())[:3])
        warnings.append(f"The run was trained on a scan of this name. Held out were, for example, {examples}.")
    return warnings


def _training_modalities(loaded: LoadedRun) -> set[str]:
    """Returns the modalities that the run was trained on; nothing if its store is missing and they cannot be determined."""
    try:
        with loaded.open_store() as store:
            return {store.scan(key).modality for key in loaded.training}
    except InputError:
        return set() if loaded.config.modality == "auto" else {loaded.config.modality}
