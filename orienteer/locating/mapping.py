"""The map from one scan to another: a first affine map, made better by descriptors, then bent from coarse to fine.

Where a run places the cells of both scans, the first map is the one on which these places agree. Otherwise, or where
descriptors hardly agree under it, first maps compete: the one that most matches of features agree with, and some that
merely put one body over the other at different heights, in case the network says little. Each is refined on coarse
descriptors; the one at which descriptors agree best is bent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.locating.affine import Affine
from orienteer.locating.bending import Bent, aligned, bent
from orienteer.locating.fields import ScanField
from orienteer.locating.levels import Level, agreement, correlation, descriptors_of, importance, levels_of
from orienteer.locating.map_settings import MapSettings
from orienteer.locating.matching import Matches, both_ways, matches_at_levels
from orienteer.locating.searching import searched
from orienteer.locating.starting import by_known_places, by_matches, overlays

Points = Float64[np.ndarray, "points 3"]
Features = Float32[np.ndarray, "_places channels"]

THINNED = 3
"""One of so many places is enough for an affine map."""

ALIGNED = 6
"""Gauss-Newton steps towards an affine map at each of two resolutions."""

ALIGNED_STIFFNESS = 0.1


@dataclass(frozen=True)
class FoundMap:
    """A map from a template to a scan.

    Attributes:
        bent: takes places of the template to the scan, body frame to body frame.
        agreement: correlation of the descriptors of the template with those where the map leads, 0 for chance to 1.
        matched: share of the matches that agree with the map.
        source: what the first map came from: ``places``, ``matches`` or ``overlay``.
        matches_mm: matches of the features: a place of the template, and its match in the scan.
        step_mm: distance of neighbouring places of the template's lattice.
    """

    bent: Bent
    agreement: float
    matched: float
    source: str
    matches_mm: Float64[np.ndarray, "matches 2 3"]
    step_mm: float

    def __call__(self, points_mm: Points) -> Points:
        """Returns places of the template in the scan."""
        return self.bent(points_mm)


def find_map(template: ScanField, scan: ScanField, settings: MapSettings | None = None, seed: int = 0) -> FoundMap:
    """Returns the map from a template to a scan.

    Args:
        template: the field of the one scan.
        scan: of the other, by the same encoder.
        settings: how to search.
        seed: draws the hypotheses.
    """
    settings = settings or MapSettings()
    first, second, channels = descriptors_of(template, scan)
    matches = _matches(template, first, second, channels, settings)
    levels = levels_of(template, scan, (first, second), settings)
    rough = [each.thinned(THINNED) for each in levels[:2]]
    known = by_known_places(template, scan)
    refined = [] if known is None else [_refined("places", known, rough)]
    # of a scan that shows a part of the template, a map that puts the whole body into it would agree better
    if not refined or agreement(refined[0].affine, rough[1], inside_only=True) < settings.enough:
        refined += [_refined(*each, rough) for each in _starts(template, scan, matches, rough[0], settings, seed)]
    _, source, affine = max(refined, key=lambda each: each.agreement)
    smooth = _bent(template, affine, levels, settings, search=source != "places")
    step_mm = float(template.lattice.step_mm.mean())
    places, others = template.lattice.places_mm[matches.first], scan.lattice.places_mm[matches.second]
    away = np.linalg.norm(smooth(places) - others, axis=1)
    matched = float((away < settings.reach * step_mm).mean()) if len(away) else 0.0
    pairs_mm = np.stack([places, others], axis=1)
    return FoundMap(smooth, correlation(smooth, levels[2]), matched, source, pairs_mm, step_mm)


class Refined(NamedTuple):
    """A first map after refinement, with how well descriptors agree under it, and what it came from."""

    agreement: float
    source: str
    affine: Affine


def _refined(source: str, start: Affine, rough: Sequence[Level]) -> Refined:
    """Returns the affine map near a first one at which the coarse descriptors agree best."""
    affine = start
    for level in rough:
        affine = aligned(level.places_mm, level.terms, affine, ALIGNED_STIFFNESS, ALIGNED)
    return Refined(agreement(affine, rough[-1]), source, affine)


def _matches(
    template: ScanField, first: Features, second: Features, channels: tuple[int, ...], settings: MapSettings
) -> Matches:
    """Returns the matches of an evenly thinned part of the template's places.

    An embedding has one level; features have matches at each of their levels too.
    """
    every = np.linspace(0, len(first) - 1, min(settings.matched, len(first))).round().astype(int)
    if template.known is not None and template.known.channels:
        match = both_ways(first[every], second)
    else:
        match = matches_at_levels(first[every], second, channels)
    return Matches(every[match.first], match.second, match.cosine)


def _starts(
    template: ScanField, scan: ScanField, matches: Matches, level: Level, settings: MapSettings, seed: int
) -> list[tuple[str, Affine]]:
    """Returns first maps that need no places in a shared frame, with what they come from."""
    places, others = template.lattice.places_mm, scan.lattice.places_mm
    over = sorted(overlays(places, others), key=lambda each: -agreement(each, level))
    step_mm = float(template.lattice.step_mm.mean())
    weights = importance(template.lattice.depths_mm, settings.skin)
    affine = by_matches(places, others, matches, weights, settings.reach * step_mm, seed)
    return [("matches", affine), *(("overlay", each) for each in over[: settings.starts])]


def _bent(template: ScanField, affine: Affine, levels: list[Level], settings: MapSettings, search: bool) -> Bent:
    """Returns the smooth map near an affine one."""
    step_mm = float(template.lattice.step_mm.mean())
    smooth, coarse_mm = Bent(affine), settings.coarse * step_mm
    if search and settings.searched:
        few = levels[1].thinned(max(1, len(levels[1].places_mm) // settings.searched))
        smooth = searched(few.places_mm, few.terms, smooth, settings.search * step_mm / settings.tried, settings.tried,
                          coarse_mm, settings.search_stiffness, template.box)  # fmt: skip
    for level, control_mm in ((levels[1], coarse_mm), (levels[2], settings.fine * step_mm)):
        smooth = bent(
            level.places_mm, level.terms, smooth, control_mm, settings.stiffness, settings.steps, template.box
        )
    return smooth
