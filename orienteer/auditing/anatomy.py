"""Headers against anatomy: findings from what a model that never saw a scan reads off it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from orienteer.errors import ScanError
from orienteer.progress import tracked
from orienteer.report.fault_evidence import FaultEvidence
from orienteer.report.faults import FAULTS, SOUND
from orienteer.report.header_check import HeaderCheck, Verdict, calibrate
from orienteer.report.limits import LEAST_SOUND
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import LoadedRun
from orienteer.screening.findings import Correction, Finding, Level
from orienteer.store.store import Store

SUSPICIOUS = 4.0
"""Scans that are so many robust standard deviations from the median do not calibrate the check of others."""

PARTS = 10
"""So many checks are calibrated: each judges the scans that it was not calibrated on."""

MOST_NAMED = 3
"""Other faults that a finding names, of those that cannot be distinguished."""

VAGUE = 8
"""From so many other faults on, the model does not know such anatomy. Set by hand: up to four may be one fault."""

SURE = {"possibly": 0.6, "probably": 0.85, "clearly": 0.97}
"""How sure a finding is of a fault that is distinguished from all others with this certainty."""


@dataclass(frozen=True)
class Anatomy:
    """What models read off the anatomy.

    Attributes:
        findings: headers that do not fit, and scans that cannot be judged.
        rows: scan, verdict, what most speaks for, its weight, and the threshold, in words.
        notes: how scans were judged, in sentences.
    """

    findings: Sequence[Finding] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def measure_all(loaded: LoadedRun, store: Store, keys: Sequence[str], sets: int) -> Iterator[ScanMeasurement]:
    """Yields what a model sees in prepared scans; those that cannot hold its views are left out."""
    for key in tracked(list(keys), "reading anatomy", "scans"):
        try:
            yield measure_scan(loaded, read_whole(store, key), sets)
        except ScanError:  # too small for the views of the run: rules have judged it all the same
            continue


def judge_among_themselves(scans: Sequence[ScanMeasurement]) -> dict[str, Verdict]:
    """Returns a verdict on each scan, by its name, from checks that were calibrated on the others.

    Most headers are taken to be right. Scans that are suspicious at first do not calibrate the check of the others, so that a
    few faults do not hide each other; a fault that most scans share cannot be found so.

    Args:
        scans: measured with one model that was not trained on them.
    """
    odd = suspicious(scans)
    usual = [scan for scan in scans if scan.key not in odd]
    return _judged(scans, usual if len(usual) > LEAST_SOUND else scans)


def not_outstanding(verdicts: Mapping[str, Verdict], scans: Sequence[ScanMeasurement]) -> frozenset[str]:
    """Returns the names of flagged scans that stand out from the usual scans, but not from all others.

    Scans that are suspicious at first set no limits, though some of them are sound and merely odd. Against limits from all
    others, a collection's odd but sound scans are within what is usual there.

    Args:
        verdicts: by `judge_among_themselves`.
        scans: that were judged.
    """
    flagged = {name for name, verdict in verdicts.items() if verdict.flagged}
    if not flagged:
        return frozenset()
    among_all = _judged(scans, scans)
    return frozenset(name for name in flagged if name in among_all and not among_all[name].flagged)


def suspicious(scans: Sequence[ScanMeasurement]) -> set[str]:
    """Returns the keys of scans that look likelier under some fault than as they are, and are far from the others in that.

    Medians and median deviations are taken, which a few faulty scans do not move.
    """
    able = [scan for scan in scans if scan.fits or scan.header is not None]
    if len(able) <= LEAST_SOUND:
        return set()
    evidence = FaultEvidence.fit(able)
    odd = set[str]()
    for values in _gains(able, evidence).T:
        odd |= {able[at].key for at in np.flatnonzero((_far(values) > SUSPICIOUS) & (values > 0))}
    sized = [scan for scan in able if scan.header is not None]
    sizes = np.array([scan.header.sizes[0, 0] for scan in sized if scan.header is not None]).reshape(-1, 3)
    for values in sizes.T if len(sizes) else ():
        odd |= {sized[at].key for at in np.flatnonzero(np.abs(_far(values)) > SUSPICIOUS)}
    return odd


def _gains(scans: Sequence[ScanMeasurement], evidence: FaultEvidence) -> Float[np.ndarray, "scans signs"]:
    """Returns how much likelier each scan looks with each fault undone, by both signs; NaN where that is not known."""
    rows = []
    for scan in scans:
        logs = np.full(48, np.nan) if scan.header is None else scan.header.logs[0] - scan.header.logs[0, 0]
        misfits = evidence.misfits(scan)
        logs_of = [np.log(misfits[SOUND] / misfits[fault]) if fault in misfits else np.nan for fault in FAULTS]
        rows.append(np.concatenate([logs, logs_of]))
    table = np.array(rows)
    gains: Float[np.ndarray, "scans signs"] = table[:, ~np.isnan(table).all(0)]
    return gains


def findings_of(
    verdicts: Mapping[str, Verdict], unlike: Collection[str] = (), within: Collection[str] = ()
) -> list[Finding]:
    """Returns a finding for each scan whose header does not fit its anatomy, or cannot be judged.

    Args:
        verdicts: by scan.
        unlike: scans that are unlike those that the model knows, such as another part of the body.
        within: flagged scans that are within what is usual among all scans: they get a note.
    """
    found = (_finding(name, verdict, name in unlike, name in within) for name, verdict in verdicts.items())
    return [finding for finding in found if finding is not None]


def rows_of(verdicts: Mapping[str, Verdict], unlike: Collection[str] = ()) -> list[tuple[str, ...]]:
    """Returns a row of the page for each scan, the most suspicious first.

    Args:
        verdicts: by scan.
        unlike: scans that are unlike those that the model knows.
    """
    rows: list[tuple[str, ...]] = []
    for name, verdict in sorted(verdicts.items(), key=lambda item: -item[1].score):
        best = verdict.best_fault
        words = "consistent"
        if _vague(verdict) or (verdict.flagged and name in unlike):
            words = "cannot be judged"
        elif verdict.flagged and verdict.fault is not None:
            words = f"looks {verdict.fault.name}"
        elif not verdict.recognised or not verdict.weights:
            words = "cannot be judged"
        weight = f"{verdict.weights[best]:+.1f}" if best is not None else ""
        rows.append((name, words, best.name if best is not None else "", weight, f"{verdict.threshold:+.1f}"))
    return rows


def _far(values: Float[np.ndarray, " scans"]) -> Float[np.ndarray, " scans"]:
    """Returns how many robust standard deviations values are above their median."""
    middle = np.nanmedian(values)
    spread = 1.4826 * np.nanmedian(np.abs(values - middle))
    far: np.ndarray = np.nan_to_num((values - middle) / max(float(spread), 1e-9))
    return far


def _judged(scans: Sequence[ScanMeasurement], usual: Sequence[ScanMeasurement]) -> dict[str, Verdict]:
    """Returns verdicts by checks that are calibrated on usual scans, never on those that they judge."""
    known = [scan for scan in scans if scan.fits or scan.header is not None]
    verdicts: dict[str, Verdict] = {}
    for part in range(min(PARTS, len(known))):
        judged = known[part::PARTS]
        keys = {scan.key for scan in judged}
        check: HeaderCheck | None = calibrate([scan for scan in usual if scan.key not in keys])
        if check is not None:
            verdicts |= {scan.name: check.judge(scan) for scan in judged}
    return verdicts


def _vague(verdict: Verdict) -> bool:
    return verdict.flagged and len(verdict.alternatives) >= VAGUE


def _finding(name: str, verdict: Verdict, unlike: bool, within: bool) -> Finding | None:
    vague = _vague(verdict)
    if not verdict.recognised or vague or (unlike and verdict.flagged):
        what = "its anatomy is not recognised under any reading of its header: nothing can be said of the header"
        if vague:
            what = (
                f"{len(verdict.alternatives) + 1} wrong headers would fit its anatomy: it cannot be told which is right"
            )
        evidence = {"misfit_share": min(verdict.misfits.values(), default=1.0)}
        return Finding(
            name, "not_recognised", "note", what, evidence, 0.8, "look whether it belongs to this collection"
        )
    if not verdict.flagged or verdict.fault is None:
        return None
    fault, back = verdict.fault, verdict.fault.inverse
    correction = Correction(back.orientation.axes, back.orientation.signs, back.factors)
    kind = "orientation" if fault.spacing_factor == 1 else "anatomy_voxel_size"
    alone = not verdict.alternatives
    certainty = verdict.certainty if alone else "possibly"
    level: Level = "note" if within else "warning" if certainty == "possibly" else "error"
    named = "; ".join(other.name for other in verdict.alternatives[:MOST_NAMED])
    more = len(verdict.alternatives) - MOST_NAMED
    others = "" if alone else f" (or {named}{f'; or {more} others' if more > 0 else ''}: cannot be distinguished)"
    evidence = {"weight": verdict.weights[fault], "above_others": verdict.margin, "threshold": verdict.threshold}
    fits = "but other scans of the collection are as odd" if within else "the header does not fit"
    what = f"the anatomy looks {fault.name}{others}: {fits}"
    do = "look at the slices; if it is so, correct the header (--write-fixed, where one fault is left)"
    return Finding(name, kind, level, what, evidence, SURE[certainty], do, correction if alone else None)
