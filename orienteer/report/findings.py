"""The findings of a report as numbers: what was measured on each scan, and what the run's own scans look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orienteer.report.header_check import FALSE_ALARMS, HeaderCheck, Verdict
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.pictures import Picture
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.loaded import LoadedRun

ENOUGH_SCANS = 10
"""With fewer scans to compare with, no percentiles are given."""


@dataclass(frozen=True)
class ObservedScan:
    """One scan that the model was applied to.

    Attributes:
        measurement: what was measured.
        verdict: whether its header fits its anatomy; None if the run cannot judge headers.
        notes: what a reader must know about it, in sentences (another modality, coarser voxels).
        pictures: of the predictions, for the first scans only.
        percentiles: share of the run's scans with a smaller ``error`` and with a smaller ``closure``, 0 to 1; a key is
            missing where that cannot be determined.
    """

    measurement: ScanMeasurement
    verdict: Verdict | None
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    percentiles: Mapping[str, float] | None = None

    @property
    def flagged(self) -> bool:
        """Whether its header does not fit its anatomy."""
        return self.verdict is not None and self.verdict.flagged

    def is_large(self, name: str) -> bool:
        """Returns whether its ``error`` or ``closure`` is above that of 95 % of the run's scans."""
        return (self.percentiles or {}).get(name, 0.0) > 1 - FALSE_ALARMS


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
    others = [other for other in own if other.key != scan.key]
    percentiles = {}
    for name, value in (("error", scan.error_mm), ("closure", scan.closure_mm)):
        known = [getattr(other, f"{name}_mm") for other in others]
        known = [number for number in known if number is not None]
        if value is not None and len(known) >= ENOUGH_SCANS:
            percentiles[name] = percentile(value, known)
    return percentiles


def percentile(value: float, others: Sequence[float]) -> float:
    """Returns the share of ``others`` below ``value``, ties counted half: 0.5 is the median.

    Example:
        >>> percentile(3.0, [1.0, 2.0, 3.0, 9.0])
        0.625
    """
    below = sum((other < value) + 0.5 * (other == value) for other in others)
    return below / len(others) if len(others) else float("nan")
