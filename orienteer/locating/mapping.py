"""The map from one scan to another: matches of the network's features, a robust affine map, then a smooth one.

Several first maps compete: the one that most matches agree with, and some that merely put one body over the other at
different heights, in case the features say little. Each is refined on coarse descriptors; the one at which descriptors agree
best is bent, from coarse to fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.locating.affine import Affine, robust_affine
from orienteer.locating.bending import Bent, Term, aligned, bent
from orienteer.locating.fields import ScanField
from orienteer.locating.matching import Matches, matches_at_levels, principal, side_by_side
from orienteer.locating.searching import searched
from orienteer.locating.volumes import Volume, volume_of

Points = Float64[np.ndarray, "points 3"]


@dataclass(frozen=True)
class MapSettings:
    """How a map is searched. Lengths are in steps of the template's lattice: about 18 mm in a trunk, 9 mm in a head.

    The values were chosen on pairs of training scans of two collections, an abdomen CT and a brain MR.
    """

    matched: int = 1500
    """Places of the template that are matched."""
    reach: float = 2.5
    """Distance up to which a match agrees with an affine map."""
    components: int = 16
    """Principal components of the features that pull on the smooth map."""
    network: float = 1.0
    """Weight of the features beside the grey values."""
    intensity: float = 0.5
    """Weight of the smoothed intensities beside self-similarity, in scans of one modality."""
    starts: int = 2
    """First maps without features that are refined."""
    coarse: float = 3.5
    """Distance of the control points, first."""
    fine: float = 2.2
    """Distance of the control points, at last."""
    searched: int = 900
    """Places of the template that search around where the affine map takes them; 0 for none."""
    search: float = 2.5
    """How far they search."""
    tried: int = 4
    """Displacements that are tried on either side along each axis."""
    search_stiffness: float = 0.3
    """Weight of the penalty on roughness in this search."""
    skin: float = 0.1
    """Weight of a place at the skin; it grows to 1 at the depth that half of the places have. Organs lie deep, and a body's
    fat says little of where they are."""
    stiffness: float = 0.1
    """Weight of the penalty on roughness."""
    fitted: int = 2500
    """Places of the template by which the smooth map is fitted; the affine one is fitted by a third of them."""


@dataclass(frozen=True)
class FoundMap:
    """A map from a template to a scan.

    Attributes:
        bent: takes places of the template to the scan, body frame to body frame.
        agreement: correlation of the descriptors of the template with those where the map leads, 0 for chance to 1.
        matched: share of the matches that agree with the map.
        source: what the first map came from: ``matches`` or ``overlay``.
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
    first, second = side_by_side(template.features, scan.features, template.channels)
    matches = _matches(first, second, template.channels, settings)
    step_mm = float(template.lattice.step_mm.mean())
    places, others = template.lattice.places_mm, scan.lattice.places_mm
    levels = _terms(template, scan, principal(first, second, settings.components), settings)
    rough = [each.thinned(3) for each in levels[:2]]
    starts = [
        (
            "matches",
            _by_matches(
                places,
                others,
                matches,
                _importance(template.lattice.depths_mm, settings.skin),
                settings.reach * step_mm,
                seed,
            ),
        )
    ]
    starts += [("overlay", each) for each in _overlays(places, others, rough[0], settings.starts)]
    refined = []
    for source, start in starts:
        affine = aligned(rough[0].places_mm, rough[0].terms, start, 0.1, 6)
        affine = aligned(rough[1].places_mm, rough[1].terms, affine, 0.1, 6)
        refined.append((agreement(affine, rough[1]), source, affine))
    _, source, affine = max(refined, key=lambda each: each[0])
    smooth = Bent(affine)
    if settings.searched:
        few = levels[1].thinned(max(1, len(levels[1].places_mm) // settings.searched))
        smooth = searched(few.places_mm, few.terms, smooth, settings.search * step_mm / settings.tried, settings.tried,
                          settings.coarse * step_mm, settings.search_stiffness, template.box)  # fmt: skip
    smooth = bent(
        levels[1].places_mm,
        levels[1].terms,
        smooth,
        settings.coarse * step_mm,
        settings.stiffness,
        6,
        template.box,
    )
    smooth = bent(
        levels[2].places_mm, levels[2].terms, smooth, settings.fine * step_mm, settings.stiffness, 6, template.box
    )
    away = np.linalg.norm(smooth(places[matches.first]) - others[matches.second], axis=1)
    matched = float((away < settings.reach * step_mm).mean()) if len(away) else 0.0
    pairs_mm = np.stack([places[matches.first], others[matches.second]], axis=1)
    return FoundMap(smooth, correlation(smooth, levels[2]), matched, source, pairs_mm, step_mm)


@dataclass(frozen=True)
class Level:
    """One resolution of the search.

    Attributes:
        places_mm: places of the template that the map is fitted by.
        terms: their descriptors, and those of the scan.
    """

    places_mm: Points
    terms: tuple[Term, ...]

    def thinned(self, step: int) -> "Level":
        """Returns the same with every so many places."""
        terms = tuple(
            replace(term, template=term.template[::step], weights=term.weights[::step]) for term in self.terms
        )
        return Level(self.places_mm[::step], terms)


def correlation(mapped: Affine | Bent, level: Level) -> float:
    """Returns the correlation of descriptors of the template with those of the scan under a map; 0 where none is inside."""
    now = mapped(level.places_mm)
    values, total = 0.0, 0.0
    for term in level.terms:
        read = term.scan.read(now)
        if read.inside.sum() > 1:
            one, other = (rows[read.inside] - rows[read.inside].mean(0) for rows in (term.template, read.values))
            lengths = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
            values += float(term.weights.mean()) * float((one * other).sum()) / max(lengths, 1e-12)
        total += float(term.weights.mean())
    return values / total


def agreement(mapped: Affine | Bent, level: Level) -> float:
    """Returns how well descriptors agree under a map: 0 for chance, 1 where all do; places outside the scan count as 0."""
    now, shares, total = mapped(level.places_mm), 0.0, 0.0
    for term in level.terms:
        read = term.scan.read(now)
        away = np.square(read.values - term.template).sum(1)
        chance = 2 * float(term.template.var(0).sum())  # mean squared distance of two places drawn at random
        shares += float((term.weights * read.inside * np.maximum(0, 1 - away / max(chance, 1e-12))).mean())
        total += float(term.weights.mean())
    return shares / total


def _matches(
    first: Float32[np.ndarray, "_places channels"],
    second: Float32[np.ndarray, "_others channels"],
    channels: Sequence[int],
    settings: MapSettings,
) -> Matches:
    every = np.linspace(0, len(first) - 1, min(settings.matched, len(first))).round().astype(int)
    found = matches_at_levels(first[every], second, channels)
    return Matches(every[found.first], found.second, found.cosine)


def _by_matches(
    places: Points,
    others: Float64[np.ndarray, "_others 3"],
    matches: Matches,
    weights: Float64[np.ndarray, " points"],
    reach_mm: float,
    seed: int,
) -> Affine:
    if len(matches.first) < 4:  # nothing agrees: put one body over the other
        return Affine(np.eye(3), others.mean(0) - places.mean(0))
    rng = np.random.default_rng(seed)
    return robust_affine(places[matches.first], others[matches.second], weights[matches.first], reach_mm, rng).affine


def _overlays(places: Points, others: Float64[np.ndarray, "_others 3"], level: Level, count: int) -> list[Affine]:
    """Returns maps that put the bodies over each other at several heights, the best by their descriptors."""
    across = np.sqrt(others[:, :2].var(0).mean() / max(places[:, :2].var(0).mean(), 1e-12))
    size = np.diag([*np.clip([across, across], 0.75, 1.35), 1.0])
    ends = others[:, 2].min() - places[:, 2].min(), others[:, 2].max() - places[:, 2].max()
    reach = 0.2 * float(np.ptp(places[:, 2]))
    maps = []
    for rise in np.linspace(min(ends) - reach, max(ends) + reach, 16):
        goal = np.array([*others.mean(0)[:2], places[:, 2].mean() + rise])
        maps.append(Affine(size, goal - size @ places.mean(0)))
    return sorted(maps, key=lambda each: -agreement(each, level))[:count]


def _terms(
    template: ScanField,
    scan: ScanField,
    components: tuple[Float32[np.ndarray, "_places channels"], Float32[np.ndarray, "_others channels"]],
    settings: MapSettings,
) -> list[Level]:
    """Returns the descriptors of both scans at each resolution; those of the network are the same at all of them."""
    places = template.lattice.places_mm
    every = np.linspace(0, len(places) - 1, min(settings.fitted, len(places))).round().astype(int)
    places = places[every]
    intensity = settings.intensity if template.modality == scan.modality else 0.0
    weights = _importance(template.lattice.depths_mm, settings.skin)
    spread = float(components[0].var(0).sum()) ** 0.5
    network = Term(components[0][every] / max(spread, 1e-9), _spread_out(scan, components[1] / max(spread, 1e-9)),
                   settings.network * weights[every])  # fmt: skip
    levels = []
    for mine, other in zip(template.greys, scan.greys, strict=True):
        values = mine.values(places)
        scale = np.ones(values.shape[1], np.float32)
        scale[:-1] /= max(float(values[:, :-1].var(0).sum()) ** 0.5, 1e-9)
        scale[-1] = intensity**0.5 / max(float(values[:, -1].std()), 1e-9)
        grey = Term(
            values * scale, Volume(other.rows * scale, other.shape, other.origin_mm, other.step_mm), weights[every]
        )
        levels.append(Level(places, (grey, network) if settings.network > 0 else (grey,)))
    return levels


def _spread_out(scan: ScanField, values: Float32[np.ndarray, "places channels"]) -> Volume:
    """Returns values at the places of the body as a volume; around the body they are the mean, 0."""
    lattice = scan.lattice
    whole = np.zeros((values.shape[1], lattice.body.size), np.float32)
    whole[:, lattice.body] = values.T
    return volume_of(whole.reshape(-1, *lattice.shape), lattice.origin_mm, lattice.step_mm)


def _importance(depths_mm: Float64[np.ndarray, " places"], skin: float) -> Float64[np.ndarray, " places"]:
    """Returns how much places count, by their depth."""
    typical = max(float(np.median(depths_mm)), 1e-9)
    weights: Float64[np.ndarray, " places"] = skin + (1 - skin) * np.clip(depths_mm / typical, 0, 1) ** 2
    return weights
