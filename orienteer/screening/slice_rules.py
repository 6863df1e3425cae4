"""Rules about slices: empty, repeated, out of order, interpolated, or noise."""

from orienteer.screening.collection import Collection
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import Finding
from orienteer.screening.slice_facts import SliceFacts
from orienteer.screening.thresholds import THRESHOLDS
from orienteer.types import AXIS_NAMES

LEAST_REPEATED = 1
"""Noise makes no slice equal to the one before."""


def empty_slices(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A share of the slices without anything in them."""
    slices = _slices(facts)
    if slices is None or slices.empty / slices.slices < THRESHOLDS.empty_slices:
        return None
    share = slices.empty / slices.slices
    what = f"{slices.empty} of {slices.slices} slices are constant"
    evidence = {"empty_slices": float(slices.empty), "slices": float(slices.slices), "empty_share": share}
    return Finding(
        facts.name,
        "empty_slices",
        "warning",
        what,
        evidence,
        1.0,
        "crop it, or check whether a part was lost on the way",
    )


def slices_repeated(facts: ScanFacts, collection: Collection) -> Finding | None:
    """Slices that are equal to the one before."""
    slices = _slices(facts)
    if slices is None or slices.repeated < LEAST_REPEATED:
        return None
    what = (
        f"{slices.repeated} of {slices.slices} slices are equal to the one before, first number {slices.first_repeated}"
    )
    evidence = {
        "repeated_slices": float(slices.repeated),
        "slices": float(slices.slices),
        "first": float(slices.first_repeated),
    }
    do = "export it again; lengths along this axis are wrong by the repeated slices"
    return Finding(
        facts.name, "slices_repeated", "error", what, evidence, 1.0, do, at=_at(facts, slices.first_repeated)
    )


def slices_out_of_order(facts: ScanFacts, collection: Collection) -> Finding | None:
    """Slices whose neighbours are others than the order says."""
    slices = _slices(facts)
    if slices is None or slices.disorder < THRESHOLDS.disorder:
        return None
    what = f"slices from number {slices.disorder_at} on are not where their neighbours are: "
    what += f"with a stretch of them turned round, the steps between neighbours are {slices.disorder:.1f} times shorter"
    sure = min(0.99, 0.6 + 0.2 * (slices.disorder / THRESHOLDS.disorder - 1))
    evidence = {"disorder": slices.disorder, "slice": float(slices.disorder_at)}
    do = "sort the slices by their positions and write the file again"
    return Finding(
        facts.name, "slices_out_of_order", "error", what, evidence, sure, do, at=_at(facts, slices.disorder_at)
    )


def noise(facts: ScanFacts, collection: Collection) -> Finding | None:
    """Slices that have nothing to do with their neighbours."""
    slices = _slices(facts)
    if slices is None or slices.slices < 4 or slices.smoothness > THRESHOLDS.smoothness:
        return None
    what = f"neighbouring slices hardly correlate (median {slices.smoothness:.2f}): noise, or no image at all"
    return Finding(
        facts.name, "noise", "error", what, {"correlation": slices.smoothness}, 0.95, "look at it, and leave it out"
    )


def interpolated(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A scan with thin slices that was made of thicker ones."""
    slices = facts.across
    if slices is None or facts.labels or slices.ripple < THRESHOLDS.ripple:
        return None
    axis = AXIS_NAMES[facts.across_axis]
    what = f"the roughness changes regularly {axis}, every {slices.ripple_slices:.2g} slices: resampled from thicker slices"
    evidence = {"ripple_log": slices.ripple, "period_slices": slices.ripple_slices}
    sure = min(0.98, 0.6 + 0.2 * (slices.ripple / THRESHOLDS.ripple - 1))
    return Finding(
        facts.name, "interpolated", "warning", what, evidence, sure, "use the scan as it was acquired, if it is there"
    )


def _slices(facts: ScanFacts) -> SliceFacts | None:
    return None if facts.labels else facts.slices


def _at(facts: ScanFacts, number: int) -> tuple[float, float, float]:
    """Returns where a slice is, as a share along each axis."""
    shares = [0.5, 0.5, 0.5]
    if facts.slices is not None:
        shares[facts.slice_axis] = number / max(1, facts.slices.slices - 1)
    return shares[0], shares[1], shares[2]
