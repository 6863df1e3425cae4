"""How many wrong headers are found and rightly named, and how many sound scans get a remark, on scans not trained on.

``python -m benchmarks.header_faults RUN --json FILE``: the held-out scans of a run are dealt into two parts. One sets the
thresholds of the check, as in `orienteer observe`. Scans of the other are judged as they are, and again with faults: all 47
wrong orientations, and voxel sizes wrong by 0.5, 0.6, 1.67 and 2 on one axis or all. `header_figures` is for other
benchmarks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.command import parser_of, save
from orienteer.errors import ScanError
from orienteer.progress import Progress
from orienteer.report.faults import FAULTS, SOUND, Fault
from orienteer.report.findings import ObservedScan, larger_than_usual
from orienteer.report.header_check import HeaderCheck, calibrate
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.undo_fault import undo_fault
from orienteer.report.whole_scan import WholeScan, read_whole
from orienteer.runs.loaded import LoadedRun, load_run


def header_figures(
    loaded: LoadedRun,
    calibration: Sequence[WholeScan],
    test: Sequence[WholeScan],
    sets: int = 16,
    faults_per_scan: int = len(FAULTS),
) -> dict[str, Any]:
    """Returns shares of faults found and named, and of sound scans with a remark.

    Args:
        loaded: a run that was trained on none of these scans.
        calibration: sound scans that set the thresholds.
        test: sound scans to judge, as they are and with faults.
        sets: view sets per scan.
        faults_per_scan: faults to try on each test scan; with fewer than all, they are dealt out in turn.
    """
    measured = [measure_scan(loaded, scan, sets) for scan in calibration]
    check = calibrate(measured)
    sound = [measure_scan(loaded, scan, sets) for scan in test]
    rows = _judged_faults(loaded, check, test, sets, faults_per_scan) if check is not None else []
    observed = [_observed(scan, check, measured) for scan in sound]
    distinguishable = [row for row in rows if row["distinguishable"]]
    return {
        "scans_for_thresholds": len(calibration),
        "scans_tested": len(test),
        "sound_flagged": _share([scan.remarked for scan in observed]),
        "sound_header_flagged": _share([scan.flagged for scan in observed]),
        "faults_tried": len(rows),
        "faults_found": _share([row["found"] for row in rows]),
        "faults_named": _share([row["named"] for row in rows]),
        "faults_distinguishable": _share([row["distinguishable"] for row in rows]),
        "faults_named_of_distinguishable": _share([row["named"] for row in distinguishable]),
        "faults_named_wrongly": _share([row["found"] and not row["named"] for row in rows]),
        "indistinguishable": sorted(fault.name for fault in check.indistinguishable) if check else None,
        "sound_scores": [round(scan.verdict.score, 2) for scan in observed if scan.verdict],
        "threshold": round(check.threshold, 2) if check else None,
        "rows": rows,
    }


def _judged_faults(
    loaded: LoadedRun, check: HeaderCheck, test: Sequence[WholeScan], sets: int, per_scan: int
) -> list[dict[str, Any]]:
    rows = []
    with Progress("faulty headers", len(test) * per_scan, unit="scans") as progress:
        for number, scan in enumerate(test):
            first = number * per_scan
            for at in range(first, first + per_scan):
                fault = FAULTS[at % len(FAULTS)]
                progress.advance()
                try:
                    faulty = measure_scan(loaded, undo_fault(scan, fault.inverse), sets)
                except ScanError:  # with this fault the scan is smaller than a view, and reported as such
                    continue
                rows.append(_row(check, scan.name, fault, faulty))
    return rows


def _row(check: HeaderCheck, name: str, fault: Fault, faulty: ScanMeasurement) -> dict[str, Any]:
    verdict = check.judge(faulty)
    return {
        "scan": name,
        "fault": fault.name,
        "distinguishable": fault in check.distinguishable,
        "found": verdict.flagged,
        "named": verdict.flagged and fault in (verdict.fault, *verdict.alternatives),
        "verdict": verdict.fault.name if verdict.fault else "not recognised" if not verdict.recognised else SOUND.name,
        "score": round(verdict.score, 2),
    }


def _observed(scan: ScanMeasurement, check: HeaderCheck | None, calibration: Sequence[ScanMeasurement]) -> ObservedScan:
    verdict = check.judge(scan) if check is not None else None
    return ObservedScan(scan, verdict, large=larger_than_usual(scan, calibration))


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


def main() -> None:
    """Measures a run and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("run", help="run folder with at least 4 held-out scans")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    parser.add_argument("--seed", type=int, default=0, help="decides which held-out scans set the thresholds")
    parser.add_argument("--faults-per-scan", type=int, default=len(FAULTS), help="faults tried on each scan")
    chosen = parser.parse_args()
    loaded = load_run(chosen.run, device="cpu")
    keys = np.random.default_rng(chosen.seed).permutation(sorted(loaded.validation))
    with loaded.open_store() as store:
        scans = [read_whole(store, str(key)) for key in keys]
    half = len(scans) // 2
    values = header_figures(loaded, scans[:half], scans[half:], chosen.sets, chosen.faults_per_scan)
    for name, value in values.items():
        if name != "rows":
            print(f"{name:<24} {value}")
    save(chosen.json, values)


if __name__ == "__main__":
    main()
