"""RULES: every rule about one scan, by name. A rule takes the facts of a scan and returns a finding, or None."""

from collections.abc import Callable

from orienteer.screening.collection import Collection
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import Finding
from orienteer.screening.geometry_rules import extent, modality, spacing_contradiction, tilt, units, voxel_size
from orienteer.screening.reading_rules import header_note, label_map, refused
from orienteer.screening.slice_rules import empty_slices, interpolated, noise, slices_out_of_order, slices_repeated
from orienteer.screening.value_rules import burned_in, clipped, hu_offset, window_baked

Rule = Callable[[ScanFacts, Collection], Finding | None]

RULES: dict[str, Rule] = {
    "refused": refused,
    "label_map": label_map,
    "hu_offset": hu_offset,
    "window_baked": window_baked,
    "clipped": clipped,
    "burned_in": burned_in,
    "empty_slices": empty_slices,
    "slices_repeated": slices_repeated,
    "slices_out_of_order": slices_out_of_order,
    "noise": noise,
    "interpolated": interpolated,
    "units": units,
    "spacing_contradiction": spacing_contradiction,
    "tilt": tilt,
    "modality": modality,
    "voxel_size": voxel_size,
    "extent": extent,
    "header_note": header_note,
}
"""Every rule about one scan. A new rule is one function and one line here."""

REPLACES = {
    "noise": {"slices_out_of_order", "interpolated", "empty_slices", "voxel_size", "extent"},
    "slices_repeated": {"interpolated", "slices_out_of_order"},
    "slices_out_of_order": {"interpolated"},
    "interpolated": {"slices_out_of_order"},
    "units": {"voxel_size", "extent"},
    "voxel_size": {"extent"},
    "burned_in": {"clipped", "slices_repeated"},
    "hu_offset": {"modality", "clipped", "voxel_size", "extent"},  # it was compared with scans of another modality
    "hu_offset_twice": {"modality", "clipped", "voxel_size", "extent"},
    "window_baked": {"modality", "clipped", "slices_out_of_order", "voxel_size", "extent"},
    "modality": {"voxel_size", "extent"},
}
"""Kinds that follow from another one, and are not said beside it."""


def judge(facts: ScanFacts, collection: Collection) -> list[Finding]:
    """Returns the findings about one scan."""
    findings = [finding for rule in RULES.values() if (finding := rule(facts, collection)) is not None]
    return [finding for finding in findings if not any(_replaces(other, finding) for other in findings)]


def _replaces(other: Finding, finding: Finding) -> bool:
    """Returns whether a finding follows from another one; of two that may each follow from the other, the surer one stays."""
    if finding.kind not in REPLACES.get(other.kind, ()):
        return False
    either = other.kind in REPLACES.get(finding.kind, ())
    return not either or (other.sure, other.kind) > (finding.sure, finding.kind)
