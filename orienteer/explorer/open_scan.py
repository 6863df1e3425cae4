"""Opens a scan for the explorer: reads and prepares it, and warns if the model may not be fit for it."""

from dataclasses import replace
from pathlib import Path

from orienteer.errors import InputError, ScanError
from orienteer.explorer.kept import Kept
from orienteer.explorer.scan import OpenScan, in_words
from orienteer.explorer.showing import prepare_and_show
from orienteer.explorer.shown import Shown, keep_shown, kept_shown
from orienteer.explorer.view_geometry import spacing_mm, view_size
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.body import BodyMap
from orienteer.scans.discover import discover
from orienteer.scans.prepare_scan import PreparedArrays
from orienteer.scans.source import ScanSource, Selection
from orienteer.views.sample import can_hold

COARSER = 2.0
"""A warning is given from this ratio of the scan's voxel size to the run's on."""


def open_scan(path: str | Path, loaded: LoadedRun, kept: Kept | None = None) -> OpenScan:
    """Returns a scan, prepared as the run prepared its own.

    Args:
        path: a file, or a folder with one DICOM series.
        loaded: the run.
        kept: scans that were opened before; a new one is added. None keeps nothing.

    Raises:
        InputError: no scan, several scans, a scan that cannot be read, or one smaller than a view.
    """
    selection = Selection(frame=loaded.config.frame, modality=loaded.config.modality)
    key = "" if kept is None else kept.key(path, selection, loaded.preparation)
    scan = None if kept is None else _kept_scan(kept, key)
    if scan is None:
        source = _only_source(path, selection)
        files = (*source.files, *source.companions)
        arguments = (source, selection, loaded.preparation)
        arrays, shown = apart(source.name, files, prepare_and_show, *arguments, bounds=preparing_bounds)
        scan = _opened(source.name, arrays, shown, key)
        if kept is not None:
            _keep_scan(kept, scan)
    _check_size(scan, loaded)
    return replace(scan, warnings=tuple(_warnings(scan, loaded)))


def _opened(name: str, arrays: PreparedArrays, shown: Shown, key: str) -> OpenScan:
    return OpenScan(
        name=name,
        stored=arrays.voxels,
        body=arrays.body,
        spacing_mm=arrays.spacing_mm,
        origin_mm=arrays.origin_mm,
        modality=arrays.modality,
        value_range=arrays.value_range,
        shown=shown,
        key=key,
    )


def _check_size(scan: OpenScan, loaded: LoadedRun) -> None:
    size_vox = view_size(loaded)
    reason = can_hold(scan.shape_vox, scan.body, size_vox, min_body_fraction=0.0)
    if reason is not None:
        raise ScanError(
            scan.name,
            step="fit",
            wanted=f"room for a view of {size_vox} voxels of {scan.spacing_mm} mm, as this run uses",
            got=reason,
            do="choose a larger scan, or a run with smaller views",
        )


def _keep_scan(kept: Kept, scan: OpenScan) -> None:
    arrays = {"stored": scan.stored, "body": scan.body.body, "inside": scan.body.inside}
    about = {name: getattr(scan, name) for name in _GEOMETRY} | {"cell_vox": scan.body.cell_vox}
    kept.write(scan.key, "scan", arrays, about)
    keep_shown(kept, scan.key, scan.for_page)


def _kept_scan(kept: Kept, key: str) -> OpenScan | None:
    whole, page = kept.read(key, "scan"), kept_shown(kept, key)
    if whole is None or page is None:
        return None
    arrays, about = whole
    body = BodyMap(arrays["body"], arrays["inside"], about["cell_vox"])
    spacing_mm, origin_mm, value_range = (tuple(about[name]) for name in _GEOMETRY)
    return OpenScan(
        name=page.name,
        stored=arrays["stored"],
        body=body,
        spacing_mm=spacing_mm,
        origin_mm=origin_mm,
        modality=page.modality,
        value_range=value_range,
        shown=page.shown,
        key=key,
    )


_GEOMETRY = ("spacing_mm", "origin_mm", "value_range")


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


def _warnings(scan: OpenScan, loaded: LoadedRun) -> list[str]:
    warnings = []
    known = _training_modalities(loaded)
    if known and scan.modality not in known:
        trained = " and ".join(sorted(known))
        warnings.append(
            f"This scan is {scan.modality}; the model was trained on {trained} only. Its predictions may be wrong."
        )
    scan_mm, run_mm = scan.shown.native_mm, spacing_mm(loaded)
    if any(native > COARSER * wanted for native, wanted in zip(scan_mm, run_mm, strict=True)):
        warnings.append(
            f"This scan's voxels are {in_words(scan_mm)} mm, much coarser than the {in_words(run_mm)} mm that the model was "
            "trained on: detail is missing."
        )
    if scan.name in loaded.training.values():
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
