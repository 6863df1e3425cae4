"""Opens a scan for the explorer: reads and prepares it, and warns if the model may not be fit for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from orienteer.errors import InputError, ScanError
from orienteer.explorer.kept import Kept
from orienteer.explorer.scan import OpenScan, in_words
from orienteer.explorer.shown import Shown, prepare_and_show
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
    facts = {fact: getattr(arrays, fact) for fact in _FACTS}
    return OpenScan(name=name, stored=arrays.voxels, body=arrays.body, shown=shown, key=key, **facts)


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
    shown = scan.shown
    arrays = {"stored": scan.stored, "body": scan.body.body, "inside": scan.body.inside, "shown": shown.voxels.T}
    about = {fact: getattr(scan, fact) for fact in ("name", *_FACTS)}
    about |= {"cell_vox": scan.body.cell_vox}
    about |= {"shown": {name: getattr(shown, name) for name in _SHOWN}}
    kept.write(scan.key, "scan", arrays, about)


def _kept_scan(kept: Kept, key: str) -> OpenScan | None:
    whole = kept.read(key, "scan")
    if whole is None:
        return None
    arrays, about = whole
    shown = Shown(arrays["shown"].T, **{name: _tuple(about["shown"][name]) for name in _SHOWN})
    body = BodyMap(arrays["body"], arrays["inside"], about["cell_vox"])
    facts = {fact: _tuple(about[fact]) for fact in ("name", *_FACTS)}
    return OpenScan(stored=arrays["stored"], body=body, shown=shown, key=key, **facts)


_FACTS = ("spacing_mm", "origin_mm", "modality", "value_range")
"""What a scan takes over from its preparation as it is."""

_SHOWN = ("spacing_mm", "origin_mm", "slope", "intercept", "native_mm", "window")
"""What is kept of a scan as the page shows it, beside its voxels."""


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


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
