"""The command locate: the places that are marked in one scan, found in every other one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from orienteer.dicom.source_series import check_dicom_output, read_series
from orienteer.errors import InputError, ScanError
from orienteer.features.embed import default_store
from orienteer.features.pretrained import Pretrained, load
from orienteer.interrupts import stop_requests
from orienteer.labelled.failures import failure_of, failures_text
from orienteer.labelled.grids import Geometry, source_geometry
from orienteer.labelled.prepared import PreparedScans, prepare_named
from orienteer.locating.ability import ability_warning
from orienteer.locating.answers import Located, LocatedScan
from orienteer.locating.cutting import write_crops
from orienteer.locating.field_cache import cached_field
from orienteer.locating.finding import KnownTemplate, find_places
from orienteer.locating.heads import PlaceHeads, heads_of
from orienteer.locating.keywords import LocateKeywords
from orienteer.locating.page import write_page
from orienteer.locating.settings import LocateSettings
from orienteer.locating.templates import Template, read_templates
from orienteer.locating.transforms import write_transform
from orienteer.locating.writing import write_all, write_dicom_report, write_scan
from orienteer.output_names import inside, safe_names
from orienteer.progress import Progress, say
from orienteer.scans.apart import apart
from orienteer.scans.discover import discover
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.settings import make_settings
from orienteer.store.outcomes import Failure
from orienteer.store.store import Store

PAGE = "locate.html"
LISTS = ("template", "points", "labels", "crop", "include", "exclude")
"""Settings that take one name as well as several."""


def locate(
    run: str | Path | None = None,
    scans: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[LocateKeywords],
) -> Located:
    """Finds the places that are marked in a template in every scan of a folder, with an error bar in mm and a verdict.

    The verdict is *found*, *outside the field of view* or *not sure*. Each scan gets a folder with a table, markups that
    3D Slicer opens on it, JSON and, if asked for, crops and the map from the template; a page shows templates and scans side
    by side, the worst first.

    Args:
        run: run folder, or its encoder.safetensors.
        scans: folder of scans; subfolders too.
        out: new folder to write into.
        **settings: any field of `LocateSettings`, as on the command line.

    Raises:
        InputError: marks that cannot be read or lie outside their template, no scan that can be used, a folder in use.

    Example:
        >>> import contextlib, io, tempfile
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        ...     run, (first, second, _) = example_run(folder)
        ...     marks = {"template": [str(first)], "labels": [f"{folder}/scans/labels/{first.name}"]}
        ...     located = locate(run, second, f"{folder}/out", workers=0, pictures=False, **marks)
        >>> [scan.name for scan in located.scans], located.scans[0].places[0].name
        (['SYNTHETIC_torso_001.nii.gz'], 'label 1')
    """
    if run is None or scans is None or out is None:
        raise _missing(run, scans, out)
    listed = {key: [str(value)] if key in LISTS and isinstance(value, str | Path) else value
              for key, value in settings.items()}  # fmt: skip
    options, folder = make_settings(LocateSettings, listed), Path(out)
    _check_new(folder)
    templates = read_templates(options)
    pretrained, heads = load(run, options.accelerator), heads_of(run, options.accelerator)
    selection = Selection(options.include, options.exclude, options.frame, options.modality)
    discovery = discover(scans, selection)
    if options.to_dicom_sr:
        check_dicom_output("to_dicom_sr", discovery.sources)
    store_folder = Path(options.store or default_store(run))
    known = _known_templates(templates, pretrained, heads, store_folder, selection, options.workers)
    prepared = prepare_named(discovery, store_folder, pretrained.preparation, selection, options.workers)
    sources = {source.name: source for source in discovery.sources if source.name in prepared.keys}
    warnings = ability_warning(pretrained.card, Path(run))
    for warning in warnings:
        say(f"warning: {warning}")
    work = _Work(pretrained, heads, store_folder, options, folder, known)
    located, grids, failures, stopped = work.find_all(sources, prepared)
    result = Located(folder, located, (*prepared.failures, *failures), discovery.left_out, warnings)
    if located:
        write_all(folder, located, grids)
        if options.pictures:
            write_page(folder / PAGE, result, known, store_folder, prepared.keys)
    if result.failures:
        say(failures_text(result.failures))
    say(f"{len(located)} scans in {folder}")
    if stopped:
        raise KeyboardInterrupt
    return result


class _Work:
    """What finding the places of a scan needs."""

    def __init__(
        self,
        pretrained: Pretrained,
        heads: PlaceHeads | None,
        store: Path,
        options: LocateSettings,
        out: Path,
        known: Sequence[KnownTemplate],
    ) -> None:
        self.pretrained, self.heads, self.known = pretrained, heads, known
        self.store, self.options, self.out = store, options, out
        self.selection = Selection(frame=options.frame, modality=options.modality)

    def find_all(
        self, sources: Mapping[str, ScanSource], prepared: PreparedScans
    ) -> tuple[tuple[LocatedScan, ...], tuple[Geometry, ...], list[Failure], bool]:
        """Returns the scans with their places, where their voxels lie, those that failed, and whether it was stopped."""
        located: list[LocatedScan] = []
        grids: list[Geometry] = []
        failures: list[Failure] = []
        folders = safe_names(list(sources), "")
        with (
            Store.open(self.store) as store,
            stop_requests() as stop,
            Progress("locating", len(sources), unit="scans") as progress,
        ):
            for name, source in sources.items():
                try:
                    grid = apart(name, source.files, source_geometry, source)
                    found = self._find(
                        store, source, prepared.keys[name], grid, inside(self.out, f"scans/{folders[name]}")
                    )
                    located.append(found)
                    grids.append(grid)
                except ScanError as error:
                    say(f"set aside: {error}")
                    failures.append(failure_of(name, error))
                progress.advance()
                if stop():
                    break
        return tuple(located), tuple(grids), failures, len(located) + len(failures) < len(sources)

    def _find(self, store: Store, source: ScanSource, key: str, grid: Geometry, folder: Path) -> LocatedScan:
        series = apart(source.name, source.files, read_series, source) if self.options.to_dicom_sr else None
        field = cached_field(self.pretrained, store, key, self.heads)
        begun = time.perf_counter()
        answer = find_places(self.known, field, grid)
        seconds = time.perf_counter() - begun
        found = LocatedScan(source.name, answer.places, answer.boxes, answer.maps, answer.warnings, seconds, folder)
        write_scan(found, grid)
        if series is not None:
            write_dicom_report(found, series, str(self.pretrained.card["sha256"]))
        write_crops(found, source, self.selection, self.options.crop, self.options.margin)
        if self.options.transform:
            for number, each in enumerate(found.maps, start=1):
                ending = "" if len(found.maps) == 1 else f"_{number}"
                write_transform(folder / f"template{ending}_to_scan.h5", each)
        return found


def _known_templates(
    templates: Sequence[Template],
    pretrained: Pretrained,
    heads: PlaceHeads | None,
    store: Path,
    selection: Selection,
    workers: int | None,
) -> tuple[KnownTemplate, ...]:
    """Prepares the templates and returns them with their fields."""
    known = []
    chosen = replace(selection, include=(), exclude=())
    for template in templates:
        prepared = prepare_named(
            Discovery((template.source,), ()), store, pretrained.preparation, chosen, workers, False
        )
        (key,) = prepared.keys.values()
        with Store.open(store) as reader:
            known.append(KnownTemplate(template, key, cached_field(pretrained, reader, key, heads)))
    return tuple(known)


def _check_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "out", wanted="a new or empty folder", got=f"{folder}, which is in use", do="choose another --out"
        )


def _missing(run: Any, scans: Any, out: Any) -> InputError:
    wanted = (("run", run, "a run folder"), ("scans", scans, "a folder"), ("out", out, "a new folder"))
    name, what = next((name, what) for name, value, what in wanted if value is None)
    do = "orienteer locate RUN --template x.nii.gz --points marks.mrk.json --scans FOLDER --out OUT"
    return InputError(name, wanted=what, got="none", do=do)
