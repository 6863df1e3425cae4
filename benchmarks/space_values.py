"""The values of `benchmarks.space`, from the measurements of scans that were never trained on."""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from orienteer.pretraining.usable import usable_scans
from orienteer.report.faults import FAULTS, Fault, write_faulty_copies
from orienteer.report.header_check import HeaderCheck, Verdict, calibrate
from orienteer.report.judging import judge_header
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.new_scans import NewScans
from orienteer.report.own_scans import own_headers
from orienteer.report.trust import bars_of
from orienteer.report.whole_scan import WholeScan, read_whole
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store

FAULT_KEYS = ("faults_named", "faults_in_set", "faults_flagged", "faults_distinguishable", "distinguishable_named")

KEYS = (
    *("gap_over_trivial", "coverage90", "error_bar_rank_places", "error_bar_rank_scans", "cosine_rank"),
    *(*FAULT_KEYS, "sound_flagged"),
)


def space_values(scans: Sequence[ScanMeasurement]) -> dict[str, Any]:
    """Returns what held-out scans say about gaps, their error bars and similarity, and single values ``by_scan``."""
    errors = [scan.error_mm for scan in scans if scan.error_mm is not None]
    trivial = [scan.trivial_mm for scan in scans if scan.trivial_mm is not None]
    bars = bars_of(scans).values()
    ranks = [value for scan in scans for key, value in scan.metrics.items() if key == "cosine_rank"]
    return {
        "by_scan": {"error_mm": errors, "trivial_mm": trivial, "cosine_rank": ranks},
        "gap_over_trivial": float(np.mean(errors) / np.mean(trivial)) if errors else None,
        "gap_error_mm": float(np.mean(errors)) if errors else None,
        "gap_error_mm_trivial": float(np.mean(trivial)) if errors else None,
        "coverage90": mean_of([each.best.coverage for each in bars]),
        "error_bar_rank_places": mean_of([each.best.rank_gaps for each in bars]),
        "error_bar_rank_scans": mean_of([each.best.rank_scans for each in bars]),
        "cosine_rank": mean_of(ranks),
    }


def mean_of(values: Sequence[float | None]) -> float | None:
    """Returns the mean; None where any value is missing, or all are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def sound_flagged(loaded: LoadedRun, scans: Sequence[ScanMeasurement]) -> float | None:
    """Returns the share of sound scans that a check calibrated on the others flags; None where headers cannot be judged."""
    flags = []
    for scan in scans:
        check = check_without(loaded, scans, scan.key)
        if check is None:
            return None
        flags.append(check.judge(scan).flagged)
    return float(np.mean(flags)) if flags else None


def faults_named(
    loaded: LoadedRun, sound: Sequence[ScanMeasurement], new: NewScans, each: int, sets: int, seed: int
) -> dict[str, float | None]:
    """Returns shares of the spoiled copies by key; None where headers cannot be judged, or where there is no such copy.

    Flagged; with the right fault named first; with it in the set that is not ruled out; with a fault that is
    distinguishable; and, of these, with the right one named first.

    Args:
        loaded: the model.
        sound: measurements of the held-out scans.
        new: these scans.
        each: faults per scan, drawn from ``FAULTS``.
        sets: view sets per copy.
        seed: of the draw.
    """
    rows: list[dict[str, float]] = []
    for place, scan in enumerate(sound):
        check = check_without(loaded, sound, scan.key)
        if check is None or scan.key not in new.sources:
            return dict.fromkeys(FAULT_KEYS)
        drawn = np.random.default_rng([seed, place]).choice(len(FAULTS), min(each, len(FAULTS)), replace=False)
        with tempfile.TemporaryDirectory() as folder:
            faults = write_faulty_copies(new.sources[scan.key], [FAULTS[int(at)] for at in drawn], f"{folder}/scans")
            found = discover(f"{folder}/scans", progress=False)
            selection = Selection(modality=loaded.config.modality)
            report = prepare_folder(found, f"{folder}/store", selection, loaded.preparation, workers=0, progress=False)
            with Store.open(f"{folder}/store") as store:
                for key in usable_scans(store, report.keys, loaded.config, shown=False).keys:
                    copy = read_whole(store, key)
                    verdict = _verdict(loaded, check, copy, sets)
                    rows.append(_judged(verdict, faults[copy.name], check.distinguishable))
    shares = {key: [row[key] for row in rows if key in row] for key in FAULT_KEYS}
    return {key: float(np.mean(values)) if values else None for key, values in shares.items()}


def _verdict(loaded: LoadedRun, check: HeaderCheck, scan: WholeScan, sets: int) -> Verdict:
    """Returns the verdict of `orienteer observe`; with a header reader, gaps are measured where it flags the scan."""
    seen = None
    if loaded.reader is not None:
        seen = loaded.reader.read(scan.key, scan.voxels, scan.spacing_mm, wrong_sizes=False)
        verdict = check.judge(ScanMeasurement.of_header(scan.key, seen))
        if not verdict.flagged:
            return verdict
    return judge_header(loaded, check, scan, measure_scan(loaded, scan, sets, header=seen))[1]


def _judged(verdict: Verdict, fault: Fault, distinguishable: Collection[Fault]) -> dict[str, float]:
    named, can_be_told = verdict.flagged and verdict.fault == fault, fault in distinguishable
    row = {"faults_named": named, "faults_flagged": verdict.flagged, "faults_distinguishable": can_be_told}
    row["faults_in_set"] = verdict.flagged and fault in (verdict.fault, *verdict.alternatives)
    return row | ({"distinguishable_named": named} if can_be_told else {})


def check_without(loaded: LoadedRun, scans: Sequence[ScanMeasurement], key: str) -> HeaderCheck | None:
    """Returns the check of headers calibrated on scans of the run and on all but one of those measured."""
    others = [other for other in scans if other.key != key]
    return calibrate([*others, *own_headers(loaded, [key, *(other.key for other in others)])])


def means(rows: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Returns the mean of each value over seeds; None where any seed has none.

    Example:
        >>> means([{"coverage90": 0.8, "cosine_rank": None}, {"coverage90": 1.0, "cosine_rank": None}])["coverage90"]
        0.9
    """
    rows = list(rows)
    return {key: mean_of([row.get(key) for row in rows]) for key in KEYS}
