"""What locate answers: places of a scan with their error bars and verdicts, and boxes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from orienteer.locating.bending import Bent
from orienteer.scans.source import LeftOut
from orienteer.store.outcomes import Failure
from orienteer.types import TripleMm

Verdict = Literal["found", "outside the field of view", "not sure"]

FOUND: Verdict = "found"
OUTSIDE: Verdict = "outside the field of view"
NOT_SURE: Verdict = "not sure"


@dataclass(frozen=True)
class FoundPlace:
    """A place in a scan.

    Attributes:
        name: as it is marked in the template.
        point_mm: where it is, in the body frame: mm towards right, front and head of the scan's own header. A place outside
            the field of view is where it would be.
        error_bar_mm: the distance within which it lies with a probability of 90 %.
        verdict: whether it can be relied on.
        outside: the probability that it lies outside the field of view.
        spread_mm: how far the templates disagree; None with one template.
        templates: how many of them mark it.
    """

    name: str
    point_mm: TripleMm
    error_bar_mm: float
    verdict: Verdict
    outside: float
    spread_mm: float | None
    templates: int


@dataclass(frozen=True)
class FoundBox:
    """The box of a label or of a marked region in a scan.

    Attributes:
        name: as it is marked.
        box_mm: low and high corner in the body frame.
        verdict: that of its centre.
    """

    name: str
    box_mm: Float64[np.ndarray, "2 3"]
    verdict: Verdict


@dataclass(frozen=True)
class LocatedScan:
    """The places of one scan.

    Attributes:
        name: of the scan in its folder.
        places: in the order of the templates' marks.
        boxes: of labels and regions.
        maps: from each template to the scan.
        warnings: what to keep in mind.
        seconds: that finding the places took, features apart.
        folder: its output folder.
    """

    name: str
    places: tuple[FoundPlace, ...]
    boxes: tuple[FoundBox, ...]
    maps: tuple[Bent, ...]
    warnings: tuple[str, ...]
    seconds: float
    folder: Path

    @property
    def worst(self) -> tuple[int, float]:
        """What scans are sorted by, the worst first: places that are not sure, then the largest error bar of those found."""
        unsure = sum(place.verdict == NOT_SURE for place in self.places)
        bars = [place.error_bar_mm for place in self.places if place.verdict != OUTSIDE]
        return -unsure, -max(bars, default=0.0)


@dataclass(frozen=True)
class Located:
    """What `locate` returns.

    Attributes:
        folder: with everything that was written.
        scans: in the order of their names.
        failures: scans that could not be used.
        left_out: files that look like scans and are not.
        warnings: what holds for all of them.
    """

    folder: Path
    scans: tuple[LocatedScan, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
