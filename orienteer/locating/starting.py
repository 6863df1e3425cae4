"""First maps between two scans: from what a run knows of places, from matches of features, and of body over body."""

import numpy as np
from jaxtyping import Float64

from orienteer.locating.affine import Affine, robust_affine
from orienteer.locating.fields import ScanField
from orienteer.locating.heads import KnownPlaces
from orienteer.locating.matching import Matches

Points = Float64[np.ndarray, "points 3"]
Others = Float64[np.ndarray, "_others 3"]

REFINEMENTS = 5
"""Rounds of reweighted least squares; the residuals of more change by less than 1 mm."""

STEADY = 1e-3
"""Share of the spread of a body's places that is added to it, so that a body of one layer has an affine map too."""

HEIGHTS = 16
"""Positions along the body that are tried where one body is put over another."""


def placed_affine(places_mm: Points, known: KnownPlaces) -> Affine:
    """Returns the affine map from a scan's body frame to the frame that all scans share, as its run places the cells.

    Single places are off by much more than the map: it is fitted to thousands, each weighted by its predicted scale, and by
    how well it agrees (Geman and McClure).

    Args:
        places_mm: places of the scan.
        known: what is known of them; its tasks place cells.
    """
    goal = known.places_mm.astype(float)
    trust = 1 / np.square(known.scales_mm).sum(1) if known.scales_mm.size else np.ones(len(goal))
    design = np.concatenate([places_mm - places_mm.mean(0), np.ones((len(goal), 1))], axis=1)
    weights = trust = trust / trust.mean()
    columns = np.zeros((4, 3))
    for _ in range(REFINEMENTS):
        weighted = design * weights[:, None]
        moments = weighted.T @ design
        moments[:3, :3] += STEADY * np.trace(moments[:3, :3]) / 3 * np.eye(3)
        columns = np.linalg.solve(moments, weighted.T @ goal)
        away = np.linalg.norm(design @ columns - goal, axis=1)
        weights = trust / (1 + np.square(away / max(2 * float(np.median(away)), 1e-6))) ** 2
    matrix = columns[:3].T
    return Affine(matrix, columns[3] - matrix @ places_mm.mean(0))


def by_known_places(template: ScanField, scan: ScanField) -> Affine | None:
    """Returns the map on which both scans' places in the shared frame agree; None where a run places no cells.

    A map that turns a body inside out, or shrinks it to a sheet, is none either.
    """
    if template.known is None or scan.known is None or not template.known.places_mm.size:
        return None
    first = placed_affine(template.lattice.places_mm, template.known)
    second = placed_affine(scan.lattice.places_mm, scan.known)
    if np.linalg.det(second.matrix) < LEAST_VOLUME:
        return None
    back = second.inverse()
    map_matrix = back.matrix @ first.matrix
    if not LEAST_VOLUME < np.linalg.det(map_matrix) < 1 / LEAST_VOLUME:
        return None
    return Affine(map_matrix, back(first.offset_mm))


LEAST_VOLUME = 0.2
"""Least volume of a body under a first map, as a share of its volume: a child's against a tall adult's."""


def by_matches(
    places: Points,
    others: Others,
    matches: Matches,
    weights: Float64[np.ndarray, " points"],
    reach_mm: float,
    seed: int,
) -> Affine:
    """Returns the map that most matches agree with."""
    if len(matches.first) < 4:  # nothing agrees: put one body over the other
        return Affine(np.eye(3), others.mean(0) - places.mean(0))
    rng = np.random.default_rng(seed)
    return robust_affine(places[matches.first], others[matches.second], weights[matches.first], reach_mm, rng).affine


def overlays(places: Points, others: Others) -> list[Affine]:
    """Returns maps that put the bodies over each other at several heights."""
    across = np.sqrt(others[:, :2].var(0).mean() / max(places[:, :2].var(0).mean(), 1e-12))
    size = np.diag([*np.clip([across, across], 0.75, 1.35), 1.0])
    ends = others[:, 2].min() - places[:, 2].min(), others[:, 2].max() - places[:, 2].max()
    reach = 0.2 * float(np.ptp(places[:, 2]))
    maps = []
    for rise in np.linspace(min(ends) - reach, max(ends) + reach, HEIGHTS):
        goal = np.array([*others.mean(0)[:2], places[:, 2].mean() + rise])
        maps.append(Affine(size, goal - size @ places.mean(0)))
    return maps
