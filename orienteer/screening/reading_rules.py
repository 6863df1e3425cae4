"""Rules that repeat what reading says: a scan that is refused, a label map, a header that is odd."""

from orienteer.screening.collection import Collection
from orienteer.screening.facts import Refusal, ScanFacts
from orienteer.screening.findings import Correction, Finding
from orienteer.screening.value_rules import window_baked

REASONS = (
    ("HU plus an offset", "hu_offset"),
    ("at most 32767", "not_hu"),
    ("wanted HU", "not_hu"),
    ("longest edge", "units"),
    ("voxels with edges", "units"),
    ("a position within", "units"),
    ("one voxel spacing", "spacing_contradiction"),
    ("one pixel spacing", "spacing_contradiction"),
    ("slices without holes", "slices_missing"),
    ("even distances", "slices_missing"),
    ("one slice a place", "slices_twice"),
    ("straight above", "tilt"),
    ("slices of one", "mixed_series"),
    ("in every voxel", "empty"),
    ("a body", "empty"),
    ("finite", "not_finite"),
    ("label map", "label_map"),
)
"""Words of a refusal, and the kind of finding that it is."""


def refused(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A scan that reading refuses."""
    if facts.refusal is None:
        return None
    kind = kind_of(facts.refusal)
    what = f"{facts.refusal.step}: wanted {facts.refusal.wanted}, got {facts.refusal.got}"
    correction = Correction(value_shift=-1024.0) if kind == "hu_offset" else None
    return Finding(facts.name, kind, "error", what, do=facts.refusal.do, correction=correction)


def label_map(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A label map that is used as a scan."""
    if not facts.labels or facts.values is None or window_baked(facts, collection) is not None:
        return None
    evidence = {"different_values": float(facts.values.distinct), "highest": facts.values.highest}
    what = "few whole values in even patches, as in a label map"
    return Finding(
        facts.name,
        "label_map",
        "error",
        what,
        evidence,
        do="leave it out with --exclude, or move it to a folder labels",
    )


def header_note(facts: ScanFacts, collection: Collection) -> Finding | None:
    """What reading warns of."""
    if not facts.warnings:
        return None
    do = "see the page Your scans, which says how each case is decided"
    return Finding(facts.name, "header_note", "note", "; ".join(facts.warnings), do=do)


def kind_of(refusal: Refusal) -> str:
    """Returns the kind of finding that a refusal is.

    Example:
        >>> kind_of(Refusal("read", "slices without holes", "3 missing between 40 slices", "copy the whole series"))
        'slices_missing'
    """
    words = f"wanted {refusal.wanted}, got {refusal.got}"
    return next((kind for text, kind in REASONS if text in words), "unreadable")
