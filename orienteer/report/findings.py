"""The findings of a report as numbers: what was measured on each scan, and what the run's own scans look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from orienteer.report.gap_pictures import RoutePicture
from orienteer.report.header_check import HeaderCheck, Verdict
from orienteer.report.limits import LEAST_SOUND, upper_limit
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.pictures import Picture
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.loaded import LoadedRun


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

    @property
    def recognised(self) -> bool:
        """Whether the model recognises its anatomy, as far as that is judged."""
        return self.verdict is None or self.verdict.recognised

    @property
    def sound(self) -> bool:
        """Whether nothing is known against its header and its anatomy, so that its errors are those of the model."""
        return self.recognised and not self.flagged

    @property
    def certainty(self) -> str:
        """How certain it is that its header has the fault that it seems to have, in a word; empty if it is not flagged."""
        return self.verdict.certainty if self.verdict is not None and self.flagged else ""

    @property
    def route(self) -> RoutePicture | None:
        """The picture of a route through it; None if it was not drawn."""
        return next((picture for picture in self.pictures if isinstance(picture, RoutePicture)), None)

    def is_large(self, name: str) -> bool:
        """Returns whether its ``error`` or ``closure`` is larger than held-out scans lead to expect."""
        return name in self.large

    @property
    def remarked(self) -> bool:
        """Whether the report remarks on its header, its error or its closure error."""
        return not self.sound or bool(self.large)


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


def averaged(scans: Sequence[ObservedScan]) -> tuple[ObservedScan, ...]:
    """Returns the scans that medians are taken over: those that look sound, or all where none does."""
    return tuple(scan for scan in scans if scan.sound) or tuple(scans)


def worst_first(scans: Sequence[ObservedScan]) -> tuple[ObservedScan, ...]:
    """Returns scans in the order in which a reader should look at them: headers and anatomy first, then large errors."""
    return tuple(sorted(scans, key=lambda scan: (scan.sound, -(scan.measurement.error_mm or 0.0))))


def worth_drawing(scans: Sequence[ObservedScan], most: int) -> tuple[ObservedScan, ...]:
    """Returns the scans to draw: the worst ones, and one with an average error to compare them with."""
    ordered = worst_first(scans)
    if len(ordered) <= most or most < 2:
        return ordered[:most]
    return (*ordered[: most - 1], ordered[max(most - 1, len(ordered) // 2)])


ENOUGH_SCANS = 10
"""With fewer scans to compare with, no percentiles are given."""


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


SMALLEST_MM = 0.1
"""Errors below this are all alike: none of them is large."""


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
