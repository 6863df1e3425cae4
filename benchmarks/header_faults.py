"""How many wrong headers are found and rightly named, and how many sound scans get a remark, on scans never trained on.

``python -m benchmarks.header_faults RUN SCANS --json FILE``: scans that the run never saw are judged as they are, and again
with faults: all 47 wrong orientations, and voxel sizes wrong by 0.5, 0.6, 1.67 and 2 on one axis or all. Thresholds are
those of `orienteer observe`: from held-out scans, and from what the header reader sees in scans that it was not trained on.
The signs are compared: the header reader, and the misfit of gaps, which counts where a run has no reader; or, with
``--reader-alone``, only the first is measured, which takes a hundredth of the time.

A fault is *named* if it is the one that is reported, and *among* if it is one of those that are reported as not distinguishable
from each other. Intervals are 95 %, by Clopper and Pearson for sound scans, and by bootstrap over scans for faults, since
the faults of one scan are not independent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import beta

from benchmarks.command import parser_of, save
from orienteer.errors import ScanError
from orienteer.progress import Progress
from orienteer.report.faults import FAULTS, ORIENTATION_FAULTS, SOUND, Fault
from orienteer.report.findings import ObservedScan, larger_than_usual
from orienteer.report.header_check import HeaderCheck, calibrate
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.new_scans import prepare_new
from orienteer.report.own_scans import own_headers
from orienteer.report.undo_fault import undo_fault
from orienteer.report.whole_scan import WholeScan, read_whole
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.scoring.bootstrap import interval
from orienteer.store.store import Store

RESAMPLES = 1000

SIGNS: Mapping[str, Callable[[ScanMeasurement], ScanMeasurement]] = {
    "reader": lambda scan: replace(scan, fits={}),
    "misfit": lambda scan: replace(scan, header=None),
}
"""For each choice of signs, what is left of a measurement."""

KINDS: Mapping[str, Callable[[Fault], bool]] = {
    "all": lambda fault: True,
    "left-right mirrored": lambda fault: fault == Fault(mirrored=(0,)),
    "other orientations": lambda fault: fault in ORIENTATION_FAULTS and fault != Fault(mirrored=(0,)),
    "voxel size, all axes": lambda fault: fault.spacing_factor != 1 and len(set(fault.factors)) == 1,
    "voxel size, one axis": lambda fault: len(set(fault.factors)) > 1,
}
"""Kinds of faults that are counted apart."""


Measure = Callable[[WholeScan], ScanMeasurement]
"""Returns what a run measures on a scan."""


def header_values(
    measure: Measure, calibration: Sequence[ScanMeasurement], test: Sequence[WholeScan], each: int, signs: Sequence[str]
) -> dict[str, Any]:
    """Returns shares of faults found and named, and of sound scans with a remark, for each choice of signs.

    Args:
        measure: of a run that was trained on none of these scans.
        calibration: measurements of sound scans that set the thresholds.
        test: sound scans to judge, as they are and with faults.
        each: faults to try on each test scan; with fewer than all, they are dealt out in turn.
        signs: keys of ``SIGNS``.
    """
    sound = [measure(scan) for scan in test]
    faulty = list(_faulty(measure, test, each))
    return {
        "scans_for_thresholds": len(calibration),
        "scans_tested": len(test),
        **{name: _of_signs(SIGNS[name], calibration, sound, faulty) for name in signs},
    }


def _faulty(measure: Measure, test: Sequence[WholeScan], each: int) -> Iterable[tuple[str, Fault, ScanMeasurement]]:
    with Progress("faulty headers", len(test) * each, unit="scans") as progress:
        for number, scan in enumerate(test):
            for at in range(number * each, (number + 1) * each):
                fault = FAULTS[at % len(FAULTS)]
                progress.advance()
                try:
                    yield scan.name, fault, measure(undo_fault(scan, fault.inverse))
                except ScanError:  # with this fault the scan is smaller than a view, and reported as such
                    continue


def _of_signs(
    keep: Callable[[ScanMeasurement], ScanMeasurement],
    calibration: Sequence[ScanMeasurement],
    sound: Sequence[ScanMeasurement],
    faulty: Sequence[tuple[str, Fault, ScanMeasurement]],
) -> dict[str, Any] | None:
    known = [keep(scan) for scan in calibration]
    check = calibrate(known)
    if check is None:
        return None
    observed = [
        ObservedScan(scan, check.judge(keep(scan)), large=larger_than_usual(scan, calibration)) for scan in sound
    ]
    rows = [_row(check, name, fault, keep(scan)) for name, fault, scan in faulty]
    kinds = {kind: [row for row in rows if among(row["fault"])] for kind, among in KINDS.items()}
    return {
        "scans_that_set_the_header_threshold": len(check.scores),
        "sound_flagged": rate([scan.flagged for scan in observed]),
        "sound_with_any_remark": rate([scan.remarked for scan in observed]),
        "threshold": round(check.threshold, 2),
        "sound_scores": [round(scan.verdict.score, 2) for scan in observed if scan.verdict],
        "faults": {kind: _counted(some) for kind, some in kinds.items() if some},
        "indistinguishable": sorted(fault.name for fault in check.indistinguishable),
        "rows": [{**row, "fault": row["fault"].name} for row in rows],
    }


def _row(check: HeaderCheck, name: str, fault: Fault, faulty: ScanMeasurement) -> dict[str, Any]:
    verdict = check.judge(faulty)
    return {
        "scan": name,
        "fault": fault,
        "distinguishable": fault in check.distinguishable,
        "found": verdict.flagged,
        "named": verdict.fault == fault,
        "among": verdict.flagged and fault in (verdict.fault, *verdict.alternatives),
        "possible": 1 + len(verdict.alternatives) if verdict.flagged else 0,
        "verdict": verdict.fault.name if verdict.fault else "not recognised" if not verdict.recognised else SOUND.name,
        "score": round(verdict.score, 2),
    }


def _counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = [row for row in rows if row["distinguishable"]]
    return {
        "tried": len(rows),
        **{key: share_over_scans(rows, key) for key in ("found", "named", "among")},
        "reported_but_not_among": share_over_scans(
            [{**r, "wrong": r["found"] and not r["among"]} for r in rows], "wrong"
        ),
        "distinguishable": len(told),
        "among_of_distinguishable": share_over_scans(told, "among"),
        "possible_when_found": round(float(np.mean([row["possible"] for row in rows if row["found"]] or [0])), 2),
    }


def share_over_scans(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any] | None:
    """Returns the share of rows that are true, with a bootstrap interval over scans; None for no rows.

    Example:
        >>> share_over_scans([{"scan": "a", "found": True}, {"scan": "a", "found": False}], "found")["share"]
        0.5
    """
    if not rows:
        return None
    scans = sorted({row["scan"] for row in rows})
    counts = np.array(
        [[sum(bool(r[key]) for r in rows if r["scan"] == s), sum(r["scan"] == s for r in rows)] for s in scans]
    )
    drawn = np.random.default_rng(0).integers(0, len(scans), (RESAMPLES, len(scans)))
    low, high = interval([float(value) for value in counts[drawn, 0].sum(1) / counts[drawn, 1].sum(1)])
    return {
        "share": round(float(counts[:, 0].sum() / counts[:, 1].sum()), 3),
        "low": round(low, 3),
        "high": round(high, 3),
    }


def rate(values: Sequence[bool]) -> dict[str, Any] | None:
    """Returns a share with its exact interval (Clopper and Pearson); None for no values.

    Example:
        >>> rate([False] * 8)
        {'count': 0, 'of': 8, 'share': 0.0, 'low': 0.0, 'high': 0.369}
    """
    if not values:
        return None
    count, of = int(np.sum(values)), len(values)
    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
    return {"count": count, "of": of, "share": round(count / of, 3), "low": round(low, 3), "high": round(high, 3)}


def measured_calibration(loaded: LoadedRun, sets: int) -> list[ScanMeasurement]:
    """Returns what sets the thresholds: held-out scans of the run, and what its header reader sees in others."""
    with loaded.open_store() as store:
        heldout = [measure_scan(loaded, read_whole(store, key), sets) for key in sorted(loaded.validation)]
    return [*heldout, *own_headers(loaded, [scan.key for scan in heldout])]


def _read(loaded: LoadedRun, scan: WholeScan) -> ScanMeasurement:
    assert loaded.reader is not None, "the run has a header reader"
    return ScanMeasurement.of_header(
        scan.key, loaded.reader.read(scan.key, scan.voxels, scan.spacing_mm, wrong_sizes=False)
    )


def main() -> None:
    """Measures a run and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("run", help="run folder")
    parser.add_argument("scans", type=Path, help="folder of sound scans that it was not trained on")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    parser.add_argument("--reader-alone", action="store_true", help="measure the header reader and nothing else")
    parser.add_argument("--each", type=int, default=len(FAULTS), help="faults tried on each scan")
    chosen = parser.parse_args()
    loaded = load_run(chosen.run, device="cpu")
    alone = chosen.reader_alone
    calibration = list(own_headers(loaded)) if alone else measured_calibration(loaded, chosen.sets)
    with TemporaryDirectory() as folder:
        found = discover(chosen.scans, progress=False)
        new = prepare_new(loaded, found, Path(folder, "store"), Selection(modality=loaded.config.modality), workers=0)
        with Store.open(new.store) as store:
            test = [read_whole(store, key) for key in new.keys]
    measure = partial(_read, loaded) if alone else partial(measure_scan, loaded, sets=chosen.sets)
    values = header_values(measure, calibration, test, chosen.each, ["reader"] if alone else list(SIGNS))
    for name, value in values.items():
        print(name, {k: v for k, v in value.items() if k != "rows"} if isinstance(value, dict) else value)
    save(chosen.json, values)


if __name__ == "__main__":
    main()
