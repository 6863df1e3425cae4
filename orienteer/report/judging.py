"""Judges the header of one scan: first by what the run judges by, then, where a header reader flags it, by the gaps too.

A scan of another part of the body may look like one with a wrong header. Undoing the right fault makes the gaps of a scan fit
as well as those of sound scans; if they fit with none of the faults that are not ruled out, the scan is not recognised. Nor is
a scan of a modality that the run never saw.
"""

from collections.abc import Collection
from dataclasses import replace

from orienteer.report.header_check import HeaderCheck, Verdict
from orienteer.report.measure import with_readings
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.whole_scan import WholeScan
from orienteer.runs.loaded import LoadedRun

MOST_UNDONE = 16
"""Faults that are undone at most, the likeliest first."""


def judge_header(
    loaded: LoadedRun,
    check: HeaderCheck,
    scan: WholeScan,
    measured: ScanMeasurement,
    modalities: Collection[str] = (),
) -> tuple[ScanMeasurement, Verdict]:
    """Returns the verdict on a scan, and its measurement with the readings that it took.

    Args:
        loaded: the model.
        check: calibrated without the scan.
        scan: prepared with the run's own settings.
        measured: what was measured on it.
        modalities: those that the run was trained on, if they are known.
    """
    verdict = check.judge(measured)
    if modalities and scan.modality not in modalities:
        return measured, replace(verdict, recognised=False, flagged=False, fault=None, alternatives=())
    if verdict.fault is None:
        return measured, verdict
    measured = with_readings(loaded, scan, measured, (verdict.fault, *verdict.alternatives)[:MOST_UNDONE])
    return measured, check.judge(measured)
