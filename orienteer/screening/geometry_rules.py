"""Rules about lengths and tags: units, voxel sizes, extents, what a header says beside its positions, the modality."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from orienteer.screening.collection import RARE, Collection, OddLength, Usual
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import Correction, Finding
from orienteer.screening.thresholds import THRESHOLDS
from orienteer.types import AXIS_NAMES

UNITS = {10.0: "cm", 0.1: "a tenth of a mm", 1000.0: "m", 0.001: "um"}
"""Lengths that are too long by these factors are in another unit."""

SAME_FACTOR = 0.35
"""How far the logs of two lengths may differ to count as the same but for a unit: people and protocols differ by that."""

LEAST_ALIKE, MOST_ALIKE = 3, 0.2
"""So many scans, and such a share of them, must be like a body once its unit is changed."""

DECLARED_TOLERANCE = 0.05
"""SpacingBetweenSlices and positions may differ by rounding only."""

LEAST_TILT_DEG = 0.5
"""Smaller tilts are rounding."""


def units(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A scan all of whose lengths are a power of ten off the usual ones."""
    usual = collection.usual.get(facts.modality or "")
    if facts.body_mm is None or usual is None:
        return None
    logs = np.log(facts.body_mm)
    for factor, unit in UNITS.items():
        if _fits_by(logs, factor, usual):
            evidence: dict[str, float | str] = {
                "body_mm": _by(facts.body_mm),
                "usual_mm": _by(np.exp(usual.body)),
                "factor": 1 / factor,
            }
            what = (
                f"a body of {_by(facts.body_mm)} mm where {_by(np.exp(usual.body))} mm is usual: lengths are in {unit}"
            )
            do = f"multiply the voxel size by {factor:g}"
            return Finding(
                facts.name, "units", "error", what, evidence, 0.97, do, Correction(spacing_factor=(factor,) * 3)
            )
    return None


def _fits_by(logs: Float64[np.ndarray, "3"], factor: float, usual: Usual) -> bool:
    """Returns whether a body is like the others once its lengths are multiplied by a factor, and unlike them before.

    Like most of them where they are alike; like several of them, and hardly any before, where a collection is mixed.
    """
    spread = usual.body_spread.max()
    off = np.abs(logs + np.log(factor) - usual.body).max()
    if off < max(SAME_FACTOR, 3 * spread) and np.abs(np.log(factor)) > 8 * spread:
        return True
    like = [int((np.abs(usual.bodies - logs - by).max(1) < SAME_FACTOR).sum()) for by in (0.0, np.log(factor))]
    return like[0] <= max(1, RARE * usual.scans) and like[1] >= max(LEAST_ALIKE, MOST_ALIKE * usual.scans)


def spacing_contradiction(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A DICOM header whose SpacingBetweenSlices is not the distance of its positions."""
    declared = facts.declared
    if declared is None or declared.between_mm is None or not declared.positions_mm:
        return None
    ratio = abs(declared.between_mm) / declared.positions_mm
    if abs(ratio - 1) <= DECLARED_TOLERANCE:
        return None
    evidence = {"SpacingBetweenSlices_mm": declared.between_mm, "positions_mm": declared.positions_mm}
    what = f"SpacingBetweenSlices is {declared.between_mm:g} mm, slices are {declared.positions_mm:.4g} mm apart by position"
    do = "find out which is right: programs that go by the tag get another length of the body"
    return Finding(facts.name, "spacing_contradiction", "warning", what, evidence, 1.0, do)


def tilt(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A gantry that was tilted, and positions that do not show it."""
    declared = facts.declared
    if declared is None or declared.tilt_deg is None or abs(declared.tilt_deg) < LEAST_TILT_DEG:
        return None
    what = f"the gantry was tilted by {declared.tilt_deg:g} degrees, but the slices lie straight above each other"
    do = "check whether the tilt was corrected (dcm2niix does) or the positions were lost"
    return Finding(facts.name, "tilt", "warning", what, {"tilt_deg": declared.tilt_deg}, 0.7, do)


def modality(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A header or data set that names one modality, and values that are another's."""
    named = facts.named_modality or collection.declared_modality
    if named is None or facts.guessed_modality is None or facts.labels or named == facts.guessed_modality:
        return None
    assert facts.values is not None
    evidence: dict[str, float | str] = {"named": named, "by_values": facts.guessed_modality}
    evidence |= {"lowest": facts.values.lowest, "highest": facts.values.highest}
    seen = f"{facts.values.lowest:g} to {facts.values.highest:g}"
    what = f"named {named}, but its values ({seen}) are those of {facts.guessed_modality}"
    do = f"correct the tag, or use --modality {facts.guessed_modality}"
    return Finding(facts.name, "modality", "error", what, evidence, 0.9, do)


def voxel_size(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A voxel size that hardly any other scan of the modality has."""
    limit = THRESHOLDS.odd_voxel_size
    return _odd_length(facts, collection, "voxel_size", "voxels", facts.spacing_mm, Usual.oddest_spacing, limit)


def extent(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A body whose size is far from that of the others."""
    limit = THRESHOLDS.odd_extent
    return _odd_length(facts, collection, "extent", "a body", facts.body_mm, Usual.oddest_body, limit)


def _odd_length(
    facts: ScanFacts,
    collection: Collection,
    kind: str,
    noun: str,
    lengths: Sequence[float] | None,
    oddest: Callable[[Usual, Sequence[float]], OddLength],
    limit: float,
) -> Finding | None:
    usual = collection.usual.get(facts.modality or "")
    if usual is None or lengths is None or facts.labels:
        return None
    odd = oddest(usual, lengths)
    if abs(odd.deviations) < limit or not odd.rare:
        return None
    evidence = {"length_mm": lengths[odd.axis], "usual_mm": odd.usual_mm, "robust_deviations": odd.deviations}
    usually = f"{AXIS_NAMES[odd.axis]} {odd.usual_mm:.3g} mm is usual among {usual.scans} {facts.modality}"
    what = f"{noun} of {_by(lengths)} mm; {usually}"
    sure = min(0.95, 0.5 + 0.1 * (abs(odd.deviations) / limit - 1))
    do = "check the voxel size in the header, and what the scan shows"
    return Finding(facts.name, kind, "warning", what, evidence, sure, do)


def _by(lengths: object) -> str:
    return " x ".join(f"{length:.3g}" for length in np.asarray(lengths).tolist())
