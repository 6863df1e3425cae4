"""The command locate: the places that are marked in one scan, found in every other one."""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, Unpack

from orienteer.cluster.connect import Cluster, connected
from orienteer.cluster.each import each
from orienteer.cluster.make_executor import make_executor
from orienteer.dicom.source_series import check_dicom_output
from orienteer.errors import InputError, ScanError
from orienteer.executor import Jobs
from orienteer.features.embed import default_store
from orienteer.interrupts import stop_requests
from orienteer.labelled.failures import failure_of, failures_text
from orienteer.labelled.grids import Geometry
from orienteer.labelled.prepared import PreparedScans, prepare_named
from orienteer.locating.ability import ability_warning
from orienteer.locating.answers import Located, LocatedScan
from orienteer.locating.keywords import LocateKeywords
from orienteer.locating.locate_work import LocateJob, LocateWork, Weights, template_rows
from orienteer.locating.page import write_page
from orienteer.locating.settings import LocateSettings
from orienteer.locating.templates import read_templates
from orienteer.locating.writing import write_all
from orienteer.output_names import inside, safe_names
from orienteer.progress import Progress, say
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection, folder_of
from orienteer.settings import make_settings
from orienteer.store.outcomes import Failure
from orienteer.store.store import Store
from orienteer.worker_process import WorkerDied

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
    weights = Weights.of(Path(run), options)
    pretrained = weights.pretrained
    selection = Selection(options.include, options.exclude, options.frame, options.modality)
    store_folder = Path(options.store or default_store(run))
    with connected(options.cluster, store_folder) as cluster:
        discovery = discover(scans, selection)
        if options.to_dicom_sr:
            check_dicom_output("to_dicom_sr", discovery.sources)
        rows = template_rows(templates, pretrained, store_folder, selection, options.workers, cluster)
        prepared = prepare_named(
            discovery, store_folder, pretrained.preparation, selection, options.workers, cluster=cluster
        )
        work = LocateWork(Path(run), pretrained.card["sha256"], options, store_folder, rows, weights)
        _, known = work.load()
        sources = {source.name: source for source in discovery.sources if source.name in prepared.keys}
        warnings = ability_warning(pretrained.card, Path(run))
        for warning in warnings:
            say(f"warning: {warning}")
        located, grids, failures, stopped = _find_all(work, sources, prepared, folder, cluster)
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


def _find_all(
    work: LocateWork,
    sources: Mapping[str, ScanSource],
    prepared: PreparedScans,
    out: Path,
    cluster: Cluster | None,
) -> tuple[tuple[LocatedScan, ...], tuple[Geometry, ...], list[Failure], bool]:
    """Returns the scans with their places, where their voxels lie, those that failed, and whether it was stopped."""
    answers: dict[str, tuple[LocatedScan, Geometry]] = {}
    failures: list[Failure] = []
    seen = [work.run, *([folder_of(list(sources.values()))] if sources else [])]
    executor: Jobs[LocateJob, tuple[LocatedScan, Geometry]] = make_executor(
        cluster, work, None if cluster else 0, len(sources), shared=out, seen=seen
    )
    with (
        Store.open(work.store) as store,
        stop_requests() as stop,
        Progress("locating", len(sources), unit="scans") as progress,
        executor,
    ):
        jobs = takewhile(lambda _: not stop(), _jobs(sources, prepared, store, out))
        for job, future in each(executor, jobs, progress):
            name, error = job.source.name, future.exception()
            if isinstance(error, ScanError | WorkerDied):
                failures.append(_failure(name, error))
                say(f"set aside: {error}" if isinstance(error, ScanError) else f"set aside: {name}: {error}")
            else:
                answers[name] = future.result()
    located = [answers[name] for name in sources if name in answers]
    failures.sort(key=lambda failure: failure.name)
    stopped = len(located) + len(failures) < len(sources)
    return tuple(scan for scan, _ in located), tuple(grid for _, grid in located), failures, stopped


def _jobs(sources: Mapping[str, ScanSource], prepared: PreparedScans, store: Store, out: Path) -> Iterator[LocateJob]:
    folders = safe_names(list(sources), "")
    for name, source in sources.items():
        yield LocateJob(source, store.row(prepared.keys[name]), inside(out, f"scans/{folders[name]}"))


def _failure(name: str, error: ScanError | WorkerDied) -> Failure:
    if isinstance(error, ScanError):
        return failure_of(name, error)
    return Failure(name, "locate", str(error), "use a machine with more memory, or leave the scan out")


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
