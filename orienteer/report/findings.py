"""What was found about a run and its scans, before it is put into words: the content of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orienteer.draw.markup import Picture
from orienteer.report.scan_errors import ScanFigures, standing
from orienteer.report.trust import FALSE_ALARMS, Verdict, Witness, rank_correlation
from orienteer.runs.loaded import LoadedRun

ENOUGH_OWN = 10
"""Among fewer scans there is no saying where another one stands."""


@dataclass(frozen=True)
class ObservedScan:
    """One scan that the model looked at.

    Attributes:
        figures: what was measured.
        verdict: whether its header is believed; None where the run cannot say.
        notes: what a reader must know about it, in sentences (another modality, coarser voxels).
        pictures: drawn for the first scans only.
        placed: where its error and closure stand among those of the run's own scans, 0 (least) to 1.
    """

    figures: ScanFigures
    verdict: Verdict | None
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    placed: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Findings:
    """All that a report tells.

    Attributes:
        loaded: the run.
        scans: the scans that were observed.
        new: whether they are new scans; else they are the run's own held-out ones.
        left_out: scans that could not be used, with the reason.
        own: figures on scans of the run itself, by which others are judged.
        witness: what sound scans look like.
        demonstration: copies of one scan with a spoiled header.
        notes: what a reader must know about the whole report.
    """

    loaded: LoadedRun
    scans: tuple[ObservedScan, ...]
    new: bool
    left_out: Mapping[str, str]
    own: tuple[ScanFigures, ...]
    witness: Witness | None
    demonstration: tuple[ObservedScan, ...]
    notes: tuple[str, ...]

    @property
    def heldout(self) -> tuple[ScanFigures, ...]:
        """The run's own scans that it was not trained on."""
        return tuple(figures for figures in self.own if figures.key in self.loaded.validation)


@dataclass(frozen=True)
class Correlation:
    """How closure error goes with true error.

    Attributes:
        scans: Spearman's rank correlation over scans; None where it cannot be had.
        scan_count: number of scans behind it.
        sets: the same over single view sets.
        set_count: number of view sets behind it.
    """

    scans: float | None
    scan_count: int
    sets: float | None
    set_count: int


def closure_correlation(scans: Sequence[ScanFigures]) -> Correlation | None:
    """Returns how closure goes with true error over scans with sound headers; None if no closure was measured."""
    pairs = [(scan.set_closures_mm, scan.set_errors_mm) for scan in scans if scan.set_closures_mm is not None]
    if not pairs:
        return None
    over_scans = rank_correlation([float(c.mean()) for c, _ in pairs], [float(e.mean()) for _, e in pairs])
    closures, errors = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return Correlation(over_scans, len(pairs), rank_correlation(closures.tolist(), errors.tolist()), len(closures))


def placed_among(figures: ScanFigures, own: Sequence[ScanFigures]) -> dict[str, float]:
    """Returns where a scan's error and closure stand among those of other scans; itself does not count."""
    others = [other for other in own if other.key != figures.key]
    placed = {}
    for name, value in (("error", figures.error_mm), ("closure", figures.closure_mm)):
        known = [getattr(other, f"{name}_mm") for other in others]
        known = [number for number in known if number is not None]
        if value is not None and len(known) >= ENOUGH_OWN:
            placed[name] = standing(value, known)
    return placed


def flags(scan: ObservedScan) -> tuple[str, ...]:
    """Returns what is wrong with a scan, each in a few words, the header first."""
    found = []
    if scan.verdict is not None and scan.verdict.fault is not None:
        found.append(f"header: looks {scan.verdict.fault.name}")
    if scan.verdict is not None and not scan.verdict.recognised:
        found.append("not recognised: unlike the run's scans, or a header with a fault that was not tried")
    for name, words in (("error", "larger error"), ("closure", "larger closure error")):
        if (scan.placed or {}).get(name, 0.0) > 1 - FALSE_ALARMS:
            found.append(f"{words} than {100 * (1 - FALSE_ALARMS):.0f} % of the run's own scans")
    return (*found, *scan.notes)
