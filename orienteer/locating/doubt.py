"""How far off a place may be: the error bar of one map, and that of several templates together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from orienteer.locating.mapping import FoundMap

LEAST_AGREEMENT = 0.3
"""Below it a map is hardly better than chance, and nothing that it says is relied on."""

MISS_POWER, BEND_SHARE, BAR = 2.5, 3.0, 0.69
"""The error bar is ``BAR`` times the root of two squares: the step of the lattice times the miss of matches nearby, in steps,
to this power; and this multiple of the bend of the map. On all 56 pairs of eight abdomens that a run was not trained on, a
split that no table has, 90 % of the errors are within 0.67 to 0.70 times that root (three runs), and on pairs of such brains
within 0.48."""

SPREAD_BAR = 1.5
"""The radius that holds 90 % of what is spread like the templates' estimates, in root mean square distances."""

SHARED = 0.5
"""Share of the squared error bar that templates have in common: that many templates do not remove."""


@dataclass(frozen=True)
class Estimate:
    """Where a place is.

    Attributes:
        point_mm: in the scan's body frame.
        error_bar_mm: the distance within which it lies with a probability of 90 %.
        trusted: whether it can be relied on at all.
        spread_mm: root mean square distance of the templates' estimates from this one; None with one template.
        templates: number of estimates.
    """

    point_mm: Float64[np.ndarray, "3"]
    error_bar_mm: float
    trusted: bool
    spread_mm: float | None = None
    templates: int = 1


def estimate(found: FoundMap, points_mm: Float64[np.ndarray, "points 3"]) -> list[Estimate]:
    """Returns where a map takes places, with error bars."""
    mapped = found(points_mm)
    step, bend, nearby = signs_of_doubt(found, points_mm).T
    bars = BAR * np.hypot(step * (nearby / step) ** MISS_POWER, BEND_SHARE * bend)
    trusted = found.agreement >= LEAST_AGREEMENT
    return [Estimate(point, float(bar), trusted) for point, bar in zip(mapped, bars, strict=True)]


def signs_of_doubt(found: FoundMap, points_mm: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points signs"]:
    """Returns what makes places of a map doubtful, in mm: step of the lattice, bend at the place, miss of matches nearby."""
    bend = np.linalg.norm(found(points_mm) - found.bent.affine(points_mm), axis=1)
    nearby = np.full(len(points_mm), found.step_mm)
    if len(found.matches_mm):
        misses = np.linalg.norm(found(found.matches_mm[:, 0]) - found.matches_mm[:, 1], axis=1)
        reach = np.minimum(misses, 3 * found.step_mm)
        away = np.linalg.norm(points_mm[:, None] - found.matches_mm[None, :, 0], axis=2)
        weights = np.exp(-np.square(away / (3 * found.step_mm)) / 2)
        # A prior of one match that misses by much: where there are none nearby, nothing confirms the map.
        nearby = (weights @ reach + 3 * found.step_mm) / (weights.sum(1) + 1)
    return np.stack([np.full(len(points_mm), found.step_mm), bend, nearby], axis=1)


def fused(estimates: Sequence[Estimate]) -> Estimate:
    """Returns the estimate of several templates together: the mean, weighted by doubt, without those that are far off.

    Example:
        >>> one = Estimate(np.zeros(3), 10.0, True)
        >>> both = fused([one, Estimate(np.array([2.0, 0.0, 0.0]), 10.0, True)])
        >>> both.point_mm.tolist(), both.spread_mm, both.templates
        ([1.0, 0.0, 0.0], 1.0, 2)
    """
    if len(estimates) == 1:
        return estimates[0]
    usable = [each for each in estimates if each.trusted] or list(estimates)
    points = np.array([each.point_mm for each in usable])
    sigmas = np.array([each.error_bar_mm for each in usable])
    centre = np.median(points, axis=0)
    away = np.linalg.norm(points - centre, axis=1)
    weights = 1 / np.square(sigmas) / (1 + np.square(away / np.maximum(sigmas, 1e-9)))
    point = weights @ points / weights.sum()
    spread = float(np.sqrt(weights @ np.square(np.linalg.norm(points - point, axis=1)) / weights.sum()))
    typical = float(1 / np.sqrt(np.mean(1 / np.square(sigmas))))
    count = len(usable)
    bar = np.sqrt(typical**2 * (SHARED + (1 - SHARED) / count) + (SPREAD_BAR * spread) ** 2 / count)
    agree = spread <= typical
    return Estimate(point, float(bar), any(each.trusted for each in estimates) and agree, spread, len(estimates))
