"""`observe`: applies a run to scans, measures its predictions, and writes report.html."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orienteer.errors import InputError
from orienteer.files import write_csv, write_text
from orienteer.progress import say
from orienteer.report.demonstration import demonstrate, demonstration_source
from orienteer.report.findings import Findings, ObservedScan
from orienteer.report.new_scans import prepare_new
from orienteer.report.numbered import numbers_of
from orienteer.report.observer import Observer
from orienteer.report.own_scans import heldout_source, measure_own, open_own_store, training_modalities
from orienteer.report.page import in_short, make_report
from orienteer.report.training_data import failed_scans
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.discover import discover
from orienteer.scans.person_names import warn_of_persons
from orienteer.scans.source import Selection

REPORT_FILE, NAMES_FILE = "report.html", "report_names.csv"

MOST_HELDOUT = 60
"""Largest number of held-out scans that are observed if no new scans are given."""


@dataclass(frozen=True)
class Observation:
    """What `observe` returns.

    Attributes:
        report: the file that was written.
        findings: its content as numbers.
    """

    report: Path
    findings: Findings


def observe(
    run: str | Path,
    scans: str | Path | None = None,
    out: str | Path | None = None,
    store: str | Path | None = None,
    sets: int = 16,
    own_scans: int = 24,
    drawn: int = 10,
    demonstration: bool = True,
    checkpoint: Literal["last", "best"] = "last",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    modality: Literal["auto", "CT", "MR"] = "auto",
    frame: int | None = None,
    prepare_workers: int | None = None,
    names: Literal["shown", "numbered"] = "shown",
) -> Observation:
    """Writes a report of what a run has learned, with its predictions on scans that it was not trained on.

    Args:
        run: a run folder that `orienteer pretrain` or `orienteer demo` made.
        scans: folder of new scans, or one file; no labels are needed. By default the run's own held-out scans.
        out: where to write the report; by default report.html in the run folder.
        store: keep the prepared new scans here; by default they are prepared into a temporary folder.
        sets: view sets drawn from each scan.
        own_scans: held-out scans of the run to compare others with. At least 19 are needed to guarantee a false-alarm
            rate of 5 %, and 3 to check headers at all.
        drawn: number of scans that get pictures: the worst ones, and one of average error; all scans are in the table.
        demonstration: show the check of headers on copies of one scan with a faulty header.
        checkpoint: the last weights, or those of the best validation.
        device: where to compute.
        modality: the intensity rule for the new scans; by default that of the run.
        frame: the frame to use of new scans with several.
        prepare_workers: processes that prepare new scans; by default one per core.
        names: ``numbered`` writes "scan 1" for the name of a scan, and leaves out reasons that may name files; the numbers
            are in report_names.csv in the run folder.

    Raises:
        InputError: not a run folder, no scans in the folder, or neither new scans nor the run's own store.

    Example:
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, _ = example_run(folder)
        ...     observation = observe(run, sets=1, own_scans=1, drawn=0, demonstration=False, device="cpu")
        ...     observation.report.name, len(observation.findings.scans)
        ('report.html', 1)
    """
    _check_counts(sets, own_scans, drawn)
    loaded = load_run(run, checkpoint, device)
    file = _report_file(loaded, out)
    selection = Selection(
        modality=modality if modality != "auto" else loaded.config.modality,
        frame=frame if frame is not None else loaded.config.frame,
    )
    own_store, notes = open_own_store(loaded, needed=scans is None)
    with tempfile.TemporaryDirectory(prefix="orienteer-") as temporary:
        new = None
        if scans is not None:  # first: faulty scans should be reported before anything is measured
            discovery = discover(scans, selection)
            new = prepare_new(loaded, discovery, store or Path(temporary, "new"), selection, prepare_workers)
        own = measure_own(loaded, own_store, own_scans, sets) if own_store is not None else ()
        observer = Observer(loaded, own, training_modalities(loaded, own_store, own), sets)
        if new is not None:
            observed, left_out = observer.observe_new(new, drawn)
            source = demonstration_source(new, observed)
        else:
            keys = sorted(loaded.validation)[:MOST_HELDOUT]
            with loaded.open_store() as heldout:
                observed, left_out = observer.observe(heldout, keys, drawn)
            source = heldout_source(loaded, keys)
        copies: tuple[ObservedScan, ...] = ()
        if demonstration and source is not None and observer.header_check is not None:
            copies = demonstrate(observer, source, Path(temporary), selection)
    check, bars = observer.header_check, observer.bars
    findings = Findings(loaded, observed, new is not None, left_out, own, check, copies, notes, bars)
    numbers = numbers_of(findings, failed_scans(loaded.folder))
    if names == "numbered":
        write_csv(loaded.folder / NAMES_FILE, ["number", "scan"], [[number, name] for name, number in numbers.items()])
    else:
        warn_of_persons(numbers, "the report shows", "rename them, or use --names numbered")
    write_text(file, make_report(findings, numbers if names == "numbered" else None))
    say("\n".join(in_short(findings)))
    say(f"the report is in {file}")
    return Observation(file, findings)


def _report_file(loaded: LoadedRun, out: str | Path | None) -> Path:
    file = loaded.folder / REPORT_FILE if out is None else Path(out)
    if file.is_dir():
        file = file / REPORT_FILE
    if file.suffix != ".html":
        raise InputError("out", wanted="a file that ends in .html, or a folder", got=str(out), do=f"use {out}.html")
    if not file.parent.is_dir():
        raise InputError("out", wanted="a file in an existing folder", got=str(out), do=f"create {file.parent} first")
    return file


def _check_counts(sets: int, own_scans: int, drawn: int) -> None:
    for name, value, least in (("sets", sets, 1), ("own_scans", own_scans, 1), ("drawn", drawn, 0)):
        if value < least:
            raise InputError(
                name, wanted=f"at least {least}", got=str(value), do=f"use --{name.replace('_', '-')} {least}"
            )
