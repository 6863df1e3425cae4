"""`observe`: looks at scans with a trained model, measures what it believes about them, and writes report.html."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from orienteer.errors import InputError, ScanError
from orienteer.files import write_text
from orienteer.progress import Progress, say
from orienteer.report.findings import Findings, ObservedScan, placed_among
from orienteer.report.new_scans import NewScans, prepare_new
from orienteer.report.pictures import draw_scan
from orienteer.report.report import make_report
from orienteer.report.scan_errors import ScanFigures, measure_scan
from orienteer.report.spoil import Fault, write_spoiled
from orienteer.report.trust import Witness, learn_sound
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection
from orienteer.scans.store import Store

REPORT_FILE = "report.html"

DEMONSTRATED = (Fault(mirrored=(0,)), Fault(mirrored=(2,)), Fault(swapped=(0, 1)), Fault(spacing_factor=2.0))
"""Faults that the demonstration puts into the header of one scan."""

MOST_OWN_HELDOUT = 60
"""At most so many held-out scans are looked at where no new ones are named."""


@dataclass(frozen=True)
class Observation:
    """What `observe` returns.

    Attributes:
        report: the file that was written.
        findings: all that it tells, as numbers.
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
) -> Observation:
    """Writes a report of what a run has learned and what it believes about scans that it never saw.

    Args:
        run: a run folder that `orienteer pretrain` or `orienteer demo` made.
        scans: folder of new scans, or one file; they need no labels. Nothing: the run's own held-out scans.
        out: where to write the report; by default report.html in the run folder.
        store: keep the prepared new scans here; by default they are prepared into a temporary folder.
        sets: view sets to draw from each scan.
        own_scans: scans of the run itself, held-out ones first, by which others are judged. With fewer than 19 a rate
            of false alarms of 5 % cannot be set.
        drawn: scans that get pictures; all scans get a line in the table.
        demonstration: show what the check of headers says of one scan with a spoiled header.
        checkpoint: the last weights, or those of the best validation.
        device: where to compute.
        modality: the intensity rule for the new scans; by default as the run took its own.
        frame: which frame of new scans that have several.
        prepare_workers: processes that prepare new scans; by default one per core.

    Raises:
        InputError: not a run folder, no scans there, or neither new scans nor the run's own store.

    Example:
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> from orienteer.pretraining.pretrain import pretrain
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=3, progress=False)
        ...     small = {"encoder": "tiny", "steps": 2, "batch": 2, "workers": 0}
        ...     _ = pretrain(f"{folder}/scans", f"{folder}/run", **small)
        ...     seen = observe(f"{folder}/run", sets=2, own_scans=2, drawn=0, demonstration=False, device="cpu")
        ...     seen.report.name, len(seen.findings.scans)
        ('report.html', 1)
    """
    _check(sets, own_scans, drawn)
    loaded = load_run(run, checkpoint, device)
    file = _report_file(loaded, out)
    selection = Selection(
        modality=modality if modality != "auto" else loaded.config.modality,
        frame=frame if frame is not None else loaded.config.frame,
    )
    own_store, notes = _own_store(loaded, needed=scans is None)
    with tempfile.TemporaryDirectory(prefix="orienteer-") as temporary:
        new = None
        if scans is not None:  # before anything is measured: what is wrong with them shows here
            found = discover(scans, selection)
            new = prepare_new(loaded, found, store or Path(temporary, "new"), selection, prepare_workers)
        own = _measure_own(loaded, own_store, own_scans, sets) if own_store is not None else ()
        look = _Look(loaded, own, _modalities(loaded, own_store, own), sets)
        if new is not None:
            seen, left_out = look.at_new(new, drawn)
            # A scan that is flagged as it is would show what a fault on top of a fault looks like.
            calm = sorted(seen, key=lambda scan: scan.verdict is not None and scan.verdict.flagged)
            source = next((new.sources[scan.figures.key] for scan in calm if scan.figures.key in new.sources), None)
        else:
            assert own_store is not None
            keys = sorted(loaded.validation)[:MOST_OWN_HELDOUT]
            seen, left_out = look.at(own_store, keys, drawn)
            source = _own_source(loaded, keys)
        spoiled: tuple[ObservedScan, ...] = ()
        if demonstration and source is not None and look.witness is not None:
            spoiled = _demonstrate(look, source, Path(temporary), selection)
    findings = Findings(loaded, seen, new is not None, left_out, own, look.witness, spoiled, notes)
    write_text(file, make_report(findings))
    say(f"the report is in {file}")
    return Observation(file, findings)


class _Look:
    """Looks at scans one by one with everything that is known about the run's own."""

    def __init__(self, loaded: LoadedRun, own: Sequence[ScanFigures], modalities: frozenset[str], sets: int) -> None:
        self.loaded, self.own, self.modalities, self.sets = loaded, tuple(own), modalities, sets
        self.witness = learn_sound(self.own)
        self._measured = {figures.key: figures for figures in own}

    def at_new(self, new: NewScans, drawn: int) -> tuple[tuple[ObservedScan, ...], dict[str, str]]:
        """Returns what is found about new scans, and all that could not be used."""
        if not new.keys:
            return (), dict(new.left_out)
        with Store.open(new.store) as store:
            seen, left_out = self.at(store, new.keys, drawn, new.notes)
        return seen, {**new.left_out, **left_out}

    def at(
        self, store: Store, keys: Sequence[str], drawn: int, notes: Mapping[str, tuple[str, ...]] | None = None
    ) -> tuple[tuple[ObservedScan, ...], dict[str, str]]:
        """Returns what is found about scans of a store, the first ``drawn`` of them with pictures, and the failures."""
        seen: list[ObservedScan] = []
        left_out: dict[str, str] = {}
        with Progress("observing", len(keys), unit="scans") as progress:
            for key in keys:
                try:
                    seen.append(self._one(store, key, len(seen) < drawn, (notes or {}).get(key, ())))
                except ScanError as error:  # it holds a view, but no set of views at the run's distances
                    left_out[store.scan(key).name] = f"{error.step}: wanted {error.wanted}, got {error.got}"
                progress.advance()
        return tuple(seen), left_out

    def _one(self, store: Store, key: str, draw: bool, notes: tuple[str, ...]) -> ObservedScan:
        scan = read_whole(store, key)
        figures = self._measured.get(key) or measure_scan(self.loaded, scan, self.sets)
        pictures = tuple(draw_scan(self.loaded, scan, figures)) if draw else ()
        verdict = self._witness_without(key).judge(figures) if self._can_judge(key, figures) else None
        said = (*self._notes(key, scan.modality), *notes)
        return ObservedScan(figures, verdict, said, pictures, placed_among(figures, self.own))

    def _can_judge(self, key: str, figures: ScanFigures) -> bool:
        return self.witness is not None and bool(figures.fits) and (key not in self._measured or len(self.own) > 1)

    def _witness_without(self, key: str) -> Witness:
        """Returns the witness, who must not have learned what is sound from the scan that it judges."""
        assert self.witness is not None
        if key not in self._measured:
            return self.witness
        return learn_sound([figures for figures in self.own if figures.key != key]) or self.witness

    def _notes(self, key: str, modality: str) -> tuple[str, ...]:
        said = []
        if self.modalities and modality not in self.modalities:
            trained = " and ".join(sorted(self.modalities))
            said.append(f"{modality}, but the run was trained on {trained}: its figures say little")
        if key in self.loaded.training:
            said.append("the run was trained on this very scan")
        return tuple(said)


def _demonstrate(look: _Look, source: ScanSource, folder: Path, selection: Selection) -> tuple[ObservedScan, ...]:
    """Looks at copies of one scan with a spoiled header, prepared as any other scan."""
    try:
        write_spoiled(source, (Fault(), *DEMONSTRATED), folder / "spoiled", selection)
    except ScanError:
        return ()
    plain = replace(selection, frame=None)
    found = discover(folder / "spoiled", plain, progress=False)
    copies = prepare_new(look.loaded, found, folder / "demonstration", plain, workers=0)
    seen, _ = look.at_new(copies, drawn=0)
    words = [fault.name for fault in (Fault(), *DEMONSTRATED)]
    return tuple(sorted(seen, key=lambda scan: words.index(scan.figures.name.removesuffix(".nii.gz").split(", ")[-1])))


def _measure_own(loaded: LoadedRun, store: Store, most: int, sets: int) -> tuple[ScanFigures, ...]:
    """Measures scans of the run itself: held-out ones first, then some that it was trained on, evenly chosen."""
    training = sorted(loaded.training)
    keys = sorted(loaded.validation)[:most]
    more = min(most - len(keys), len(training))
    keys += [training[int(at)] for at in np.linspace(0, len(training) - 1, more).round()] if more > 0 else []
    measured = []
    with Progress("measuring the run's own scans", len(keys), unit="scans") as progress:
        for key in dict.fromkeys(keys):
            measured.append(measure_scan(loaded, read_whole(store, key), sets))
            progress.advance()
    return tuple(measured)


def _own_store(loaded: LoadedRun, needed: bool) -> tuple[Store | None, tuple[str, ...]]:
    try:
        return loaded.open_store(), ()
    except InputError as error:
        if needed:
            raise InputError(
                error.what, wanted=error.wanted, got=error.got, do="put the store back, or name new scans with --scans"
            ) from None
        why = (
            "The run's own prepared scans are not there any more. Without them the new scans cannot be compared with "
            "scans that the model knows, and headers cannot be checked."
        )
        return None, (why,)


def _own_source(loaded: LoadedRun, keys: Sequence[str]) -> ScanSource | None:
    """Returns the file of a held-out scan, if the folder that the run was trained on is still there."""
    for key in keys:
        path = Path(loaded.config.scans or "", loaded.validation[key])
        if loaded.config.scans and path.is_file():
            return discover(path, progress=False).sources[0]
    return None


def _modalities(loaded: LoadedRun, store: Store | None, own: Sequence[ScanFigures]) -> frozenset[str]:
    if store is None:
        return frozenset({loaded.config.modality} - {"auto"})
    return frozenset(store.scan(figures.key).modality for figures in own)


def _report_file(loaded: LoadedRun, out: str | Path | None) -> Path:
    file = loaded.folder / REPORT_FILE if out is None else Path(out)
    if file.is_dir():
        file = file / REPORT_FILE
    if file.suffix != ".html":
        raise InputError("out", wanted="a file that ends in .html, or a folder", got=str(out), do=f"use {out}.html")
    if not file.parent.is_dir():
        raise InputError("out", wanted="a file in a folder that is there", got=str(out), do=f"make {file.parent} first")
    return file


def _check(sets: int, own_scans: int, drawn: int) -> None:
    for name, value, least in (("sets", sets, 1), ("own_scans", own_scans, 1), ("drawn", drawn, 0)):
        if value < least:
            raise InputError(
                name, wanted=f"at least {least}", got=str(value), do=f"use --{name.replace('_', '-')} {least}"
            )
