"""Rules about values: offsets of HU, display windows, clipping, burned-in lines."""

from orienteer.screening.collection import Collection
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import Correction, Finding
from orienteer.screening.thresholds import THRESHOLDS

GREYS = 255.0
"""The highest of the grey values of 8 bits."""

MOST_LABELS = 130
"""Label maps of the whole body have up to about 120 values; a windowed scan has nearly all 256."""


def hu_offset(facts: ScanFacts, collection: Collection) -> Finding | None:
    """HU with the offset still in, or subtracted once more than it should be."""
    values = facts.values
    if values is None or values.shift == 0 or not values.whole or facts.labels:
        return None
    gain = values.like_hu - values.like_hu_as_is
    if gain < THRESHOLDS.shift_gain or values.like_hu < THRESHOLDS.like_hu or values.peak < THRESHOLDS.peak:
        return None
    ct = "CT" in (facts.modality, collection.modality, collection.declared_modality)
    evidence = {
        "offset_HU": values.shift,
        "like_HU_without_offset_share": values.like_hu,
        "like_HU_as_is_share": values.like_hu_as_is,
    }
    evidence |= {"lowest": values.lowest, "highest": values.highest}
    if values.shift > 0:
        what = f"the values look like HU plus {values.shift:g}: {values.like_hu:.0%} are air, lung or tissue without it"
        kind, do = "hu_offset", f"subtract {values.shift:g} from the values (RescaleIntercept in DICOM)"
    else:
        what = f"the values look like HU minus {-values.shift:g}: the offset was subtracted twice"
        kind, do = "hu_offset_twice", f"add {-values.shift:g} to the values"
    sure = min(0.99, 0.5 + gain / 2) if ct else 0.6
    return Finding(
        facts.name, kind, "error" if ct else "warning", what, evidence, sure, do, Correction(value_shift=-values.shift)
    )


def window_baked(facts: ScanFacts, collection: Collection) -> Finding | None:
    """A CT that was saved through a display window, in 256 grey values or between 0 and 1."""
    values = facts.values
    if values is None:
        return None
    bounded = values.lowest >= 0 and values.highest <= GREYS and MOST_LABELS < values.distinct <= GREYS + 1
    if not bounded or values.at_highest < THRESHOLDS.baked_at_ends:
        return None
    ct = "CT" in (facts.named_modality, collection.modality, collection.declared_modality)
    evidence = {"lowest": values.lowest, "highest": values.highest, "different_values": float(values.distinct)}
    evidence |= {"at_highest_share": values.at_highest, "at_lowest_share": values.at_lowest}
    what = f"{values.distinct} grey values from {values.lowest:g} to {values.highest:g}, "
    what += f"{values.at_highest:.1%} of the voxels at the highest: a display window is baked in"
    do = "export it again in HU: what the window cut off is lost"
    return Finding(facts.name, "window_baked", "error" if ct else "warning", what, evidence, 0.95 if ct else 0.6, do)


def clipped(facts: ScanFacts, collection: Collection) -> Finding | None:
    """Values that end at a limit: bright tissue is saturated."""
    values = facts.values
    if values is None or facts.labels or values.at_highest < THRESHOLDS.at_highest:
        return None
    evidence = {
        "highest": values.highest,
        "at_highest_share": values.at_highest,
        "at_lowest_share": values.at_lowest,
        "lowest": values.lowest,
    }
    what = (
        f"{values.at_highest:.2%} of the voxels have the largest value, {values.highest:g}: brighter ones were cut off"
    )
    return Finding(facts.name, "clipped", "warning", what, evidence, 0.9, "export it again with its whole range")


def burned_in(facts: ScanFacts, collection: Collection) -> Finding | None:
    """Lines, frames or text at the same place of all slices."""
    values = facts.values
    if values is None or facts.labels or values.burned < THRESHOLDS.burned:
        return None
    what = f"{values.burned} columns across the slices are bright and constant, as no tissue is: lines or text are burned in"
    do = "crop or mask them, or export the scan again without annotations"
    evidence = {"constant_bright_columns": float(values.burned)}
    return Finding(facts.name, "burned_in", "warning", what, evidence, 0.9, do, at=values.burned_at)
