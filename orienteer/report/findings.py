"""The findings of a report as numbers: what was measured on each scan, and what the run's own scans look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from orienteer.report.header_check import HeaderCheck, Verdict
from orienteer.report.limits import LEAST_SOUND, upper_limit
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.pictures import Picture
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.loaded import LoadedRun

ENOUGH_SCANS = 10
"""With fewer scans to compare with, no percentiles are given."""


SMALLEST_MM = 0.1
"""Errors below this are all alike: none of them is large."""


@dataclass(frozen=True)
class ObservedScan:
    """One scan that the model was applied to.

    Attributes:
        measurement: what was measured.
        verdict: whether its header fits its anatomy; None if the run cannot judge headers.
        notes: what a reader must know about it, in sentences (another modality, coarser voxels).
        pictures: of the predictions, for the first scans only.
        percentiles: share of the run's held-out scans with a smaller ``error`` and with a smaller ``closure``, 0 to 1; a
            key is missing where that cannot be determined.
        large: which of ``error`` and ``closure`` are larger than held-out scans lead to expect.
    """

    measurement: ScanMeasurement
    verdict: Verdict | None
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    percentiles: Mapping[str, float] | None = None
    large: tuple[str, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether its header does not fit its anatomy."""
        return self.verdict is not None and self.verdict.flagged

    def is_large(self, name: str) -> bool:
        """Returns whether its ``error`` or ``closure`` is larger than held-out scans lead to expect."""
        return name in self.large

    @property
    def remarked(self) -> bool:
        """Whether the report remarks on its header, its error or its closure error."""
        unknown = self.verdict is not None and not self.verdict.recognised
        return self.flagged or unknown or bool(self.large)


@dataclass(frozen=True)
class Findings:
    """Everything that a report shows.

    Attributes:
        loaded: the run.
        scans: the scans that the model was applied to.
        new: whether they are new scans; else they are the run's own held-out ones.
        left_out: scans that could not be used, with the reason.
        own: measurements of the run's own scans, to compare others with.
        header_check: what headers are judged by; None if they cannot be judged.
        demonstration: copies of one scan with a faulty header.
        notes: what a reader must know about the whole report.
        bars: the run's error bars, for each task that predicts scales.
    """

    loaded: LoadedRun
    scans: tuple[ObservedScan, ...]
    new: bool
    left_out: Mapping[str, str]
    own: tuple[ScanMeasurement, ...]
    header_check: HeaderCheck | None
    demonstration: tuple[ObservedScan, ...]
    notes: tuple[str, ...]
    bars: Mapping[str, ErrorBars] = field(default_factory=dict)

    @property
    def heldout(self) -> tuple[ScanMeasurement, ...]:
        """The run's own scans that it was not trained on."""
        return tuple(scan for scan in self.own if scan.key in self.loaded.validation)

    @property
    def predicts_gaps(self) -> bool:
        """Whether the run predicts how far apart views are."""
        return any(scan.measurement.error_mm is not None for scan in self.scans)


def percentiles_among(scan: ScanMeasurement, own: Sequence[ScanMeasurement]) -> dict[str, float]:
    """Returns the percentiles of a scan's error and closure among the run's scans, leaving out the scan itself."""
    known = _known(scan, own)
    return {name: percentile(value, others) for name, (value, others) in known.items() if len(others) >= ENOUGH_SCANS}


def larger_than_usual(scan: ScanMeasurement, own: Sequence[ScanMeasurement]) -> tuple[str, ...]:
    """Returns which of ``error`` and ``closure`` are larger than the run's held-out scans lead to expect.

    Errors are compared by their logarithms. With fewer than three scans to compare with, nothing is called large.
    """
    known = _known(scan, own)
    return tuple(
        name
        for name, (value, others) in known.items()
        if len(others) >= LEAST_SOUND and _log(value) > upper_limit([_log(other) for other in others])
    )


def _known(scan: ScanMeasurement, own: Sequence[ScanMeasurement]) -> dict[str, tuple[float, list[float]]]:
    """Returns a scan's error and closure, where it has them, with those of the other scans."""
    others = [other for other in own if other.key != scan.key]
    known = {}
    for name, value in (("error", scan.error_mm), ("closure", scan.closure_mm)):
        values = [getattr(other, f"{name}_mm") for other in others]
        if value is not None:
            known[name] = (value, [number for number in values if number is not None])
    return known


def _log(value_mm: float) -> float:
    return float(np.log(max(value_mm, SMALLEST_MM)))


def percentile(value: float, others: Sequence[float]) -> float:
    """Returns the share of ``others`` below ``value``, ties counted half: 0.5 is the median.

    Example:
        >>> percentile(3.0, [1.0, 2.0, 3.0, 9.0])
        0.625
    """
    below = sum((other < value) + 0.5 * (other == value) for other in others)
    return below / len(others) if len(others) else float("nan")
