"""What a map is fitted by: descriptors at places of a template and all over a scan, at several resolutions."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int64

from orienteer.locating.affine import Affine
from orienteer.locating.bending import Bent, Term
from orienteer.locating.fields import ScanField
from orienteer.locating.heads import KnownPlaces
from orienteer.locating.map_settings import MapSettings
from orienteer.locating.matching import level_slices, principal, side_by_side, unit
from orienteer.locating.volumes import Volume, volume_of

Points = Float64[np.ndarray, "points 3"]
Features = Float32[np.ndarray, "_places channels"]

LEAST_INSIDE = 0.15
"""Share of the template's places that a scan has to show for their agreement to count."""


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


def agreement(mapped: Affine | Bent, level: Level, inside_only: bool = False) -> float:
    """Returns how well descriptors agree under a map: 0 for chance, 1 where all do.

    Args:
        mapped: the map.
        level: the descriptors.
        inside_only: leave out places that fall outside the scan, which count as 0 otherwise; a map under which hardly any place
            (``LEAST_INSIDE``) is inside agrees with nothing.
    """
    now, shares, total = mapped(level.places_mm), 0.0, 0.0
    for term in level.terms:
        read = term.scan.read(now)
        away = np.square(read.values - term.template).sum(1)
        chance = 2 * float(term.template.var(0).sum())  # mean squared distance of two places drawn at random
        shares += float((term.weights * read.inside * np.maximum(0, 1 - away / max(chance, 1e-12))).mean())
        counted = term.weights * read.inside if inside_only else term.weights
        total += float(counted.mean()) if not inside_only or read.inside.mean() >= LEAST_INSIDE else np.inf
    return shares / total


def descriptors_of(template: ScanField, scan: ScanField) -> tuple[Features, Features, tuple[int, ...]]:
    """Returns what the network says of the places of both scans, and how many channels belong to each part of it.

    It is the embedding of a run whose tasks embed cells, otherwise the features of all levels.
    """
    if template.known is None or scan.known is None or not template.known.channels:
        return *side_by_side(template.features, scan.features, template.channels), template.channels
    return _parts_of_unit_length(template.known), _parts_of_unit_length(scan.known), template.known.channels


def levels_of(
    template: ScanField, scan: ScanField, network: tuple[Features, Features], settings: MapSettings
) -> list[Level]:
    """Returns the descriptors of both scans at each resolution, the coarsest first; all but the grey values are the same at
    all of them.

    Args:
        template: the field of the one scan.
        scan: of the other.
        network: what the network says of the places of both.
        settings: weights and numbers.
    """
    places = template.lattice.places_mm
    every = np.linspace(0, len(places) - 1, min(settings.fitted, len(places))).round().astype(int)
    weights = importance(template.lattice.depths_mm, settings.skin)[every]
    further = [_lattice_term(scan, *principal(*network, settings.components), every, settings.network * weights)]
    if template.known is not None and scan.known is not None and template.known.places_mm.size:
        middle = template.known.places_mm.mean(0)
        first, second = template.known.places_mm - middle, scan.known.places_mm - middle
        further.append(_lattice_term(scan, first, second, every, settings.known * weights))
    intensity = settings.intensity if template.modality == scan.modality else 0.0
    levels = []
    for mine, other in zip(template.greys, scan.greys, strict=True):
        grey = _grey_term(mine.values(places[every]), other, intensity, weights)
        levels.append(Level(places[every], (grey, *(term for term in further if term.weights.any()))))
    return levels


def importance(depths_mm: Float64[np.ndarray, " places"], skin: float) -> Float64[np.ndarray, " places"]:
    """Returns how much places count, by their depth."""
    typical = max(float(np.median(depths_mm)), 1e-9)
    weights: Float64[np.ndarray, " places"] = skin + (1 - skin) * np.clip(depths_mm / typical, 0, 1) ** 2
    return weights


def _parts_of_unit_length(known: KnownPlaces) -> Features:
    """Returns the embedding with each task's part at the same length: cosines are the means of the tasks' cosines."""
    return np.concatenate([unit(known.embedding[:, columns]) for columns in level_slices(known.channels)], axis=1)


def _grey_term(
    values: Float32[np.ndarray, "points channels"],
    other: Volume,
    intensity: float,
    weights: Float64[np.ndarray, " points"],
) -> Term:
    """Returns grey values whose self-similarities have a deviation of 1 together, as has the intensity times its weight."""
    scale = np.ones(values.shape[1], np.float32)
    scale[:-1] /= max(float(values[:, :-1].var(0).sum()) ** 0.5, 1e-9)
    scale[-1] = intensity**0.5 / max(float(values[:, -1].std()), 1e-9)
    return Term(values * scale, Volume(other.rows * scale, other.shape, other.origin_mm, other.step_mm), weights)


def _lattice_term(
    scan: ScanField, first: Features, second: Features, every: Int64[np.ndarray, " points"],
    weights: Float64[np.ndarray, " points"],
) -> Term:  # fmt: skip
    """Returns values at the places of both lattices as a term, with a deviation of 1 over the template."""
    spread = max(float(first.var(0).sum()) ** 0.5, 1e-9)
    return Term((first[every] / spread).astype(np.float32), _spread_out(scan, second / spread), weights)


def _spread_out(scan: ScanField, values: Float32[np.ndarray, "places channels"]) -> Volume:
    """Returns values at the places of the body as a volume; around the body they are the mean, 0."""
    lattice = scan.lattice
    whole = np.zeros((values.shape[1], lattice.body.size), np.float32)
    whole[:, lattice.body] = values.T
    return volume_of(whole.reshape(-1, *lattice.shape), lattice.origin_mm, lattice.step_mm)
