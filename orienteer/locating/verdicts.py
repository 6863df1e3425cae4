"""Verdicts: found, outside the field of view, or not sure, from where a place falls and how far off it may be."""

import math

import numpy as np
from jaxtyping import Float64

from orienteer.labelled.grids import Geometry
from orienteer.locating.answers import FOUND, NOT_SURE, OUTSIDE, Verdict
from orienteer.locating.places import to_voxels

BAR_PER_SIGMA = 2.5
"""The radius that holds 90 % of a normal distribution in three dimensions, in standard deviations along an axis."""

OUTSIDE_FROM, FOUND_TO = 0.5, 0.4
"""Probabilities of being outside from which a place is called so, and up to which it is called found. On scans of three
collections of which two fifths were cut away, by runs whose people no table has, 125 of 141 places that were cut away and
6 of 343 that were left are called outside; from 0.6 on it would be 118 and 1."""

WIDE = 1 / 8
"""Share of the diagonal of a scan's field of view: a place whose error bar is wider is not told from its neighbours."""


def outside_probability(point_mm: Float64[np.ndarray, "3"], error_bar_mm: float, grid: Geometry) -> float:
    """Returns the probability that a place lies outside a scan's field of view.

    Its errors are taken as normal and the same along all axes.

    Example:
        >>> from orienteer.labelled.grids import grid_geometry
        >>> grid = grid_geometry((100, 100, 100), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
        >>> [round(outside_probability(np.array([50.0, 50.0, z]), 10.0, grid), 2) for z in (50.0, 99.5, 120.0)]
        [0.0, 0.5, 1.0]
    """
    at = to_voxels(point_mm, grid)
    spacing, sigma = np.array(grid.spacing_mm), max(error_bar_mm / BAR_PER_SIGMA, 1e-6)
    low, high = (at + 0.5) * spacing, (np.array(grid.size) - 0.5 - at) * spacing
    inside = 1.0
    for below, above in zip(low.tolist(), high.tolist(), strict=True):
        inside *= max(0.0, _normal(below / sigma) - _normal(-above / sigma))
    return 1 - inside


def verdict(outside: float, error_bar_mm: float, trusted: bool, grid: Geometry) -> Verdict:
    """Returns the verdict on a place.

    Args:
        outside: probability that it lies outside the field of view.
        error_bar_mm: its error bar.
        trusted: whether the map that it comes from agrees with the scan at all, and the templates with each other.
        grid: the field of view.
    """
    if not trusted:
        return NOT_SURE
    if outside >= OUTSIDE_FROM:
        return OUTSIDE
    wide = error_bar_mm > WIDE * float(np.linalg.norm(np.array(grid.size) * np.array(grid.spacing_mm)))
    return NOT_SURE if outside > FOUND_TO or wide else FOUND


def _normal(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))
