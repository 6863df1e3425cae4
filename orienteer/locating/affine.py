"""A robust affine map from matches of places, most of which may be wrong.

Hypotheses of two matches (one size and one shift: bodies stand upright in the body frame) are compared by how many matches
agree with each, as in Fischler and Bolles, *Random sample consensus*, 1981. The best is refined to a full affine map by
reweighted least squares with the weights of Geman and McClure, whose scale shrinks towards the spread of the residuals. A
penalty on departures from one size in all directions keeps directions in check along which the matches say nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

Points = Float64[np.ndarray, "matches 3"]
Weights = Float64[np.ndarray, " matches"]


@dataclass(frozen=True)
class Affine:
    """An affine map from the body frame of one scan to that of another.

    Attributes:
        matrix: the linear part.
        offset_mm: where the origin goes.
    """

    matrix: Float64[np.ndarray, "3 3"]
    offset_mm: Float64[np.ndarray, "3"]

    def __call__(self, points_mm: Float64[np.ndarray, "*points 3"]) -> Float64[np.ndarray, "*points 3"]:
        """Returns points of the one scan in the other."""
        mapped: Float64[np.ndarray, "*points 3"] = points_mm @ self.matrix.T + self.offset_mm
        return mapped

    def inverse(self) -> "Affine":
        """Returns the map from the other scan back."""
        back = np.linalg.inv(self.matrix)
        return Affine(back, -back @ self.offset_mm)


@dataclass(frozen=True)
class FittedAffine:
    """An affine map with how well each match agrees with it.

    Attributes:
        affine: the map.
        weights: 1 for a match that agrees exactly, towards 0 for one that is far off.
        spread_mm: typical residual of the matches that agree.
    """

    affine: Affine
    weights: Weights
    spread_mm: float


def robust_affine(
    from_mm: Points, to_mm: Points, importance: Weights, reach_mm: float, rng: np.random.Generator
) -> FittedAffine:
    """Returns the affine map that most of the matches agree with.

    Args:
        from_mm: places of one scan.
        to_mm: their matches in the other.
        importance: of each match.
        reach_mm: residual up to which a match counts at first.
        rng: draws the hypotheses.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> places = rng.uniform(0, 300, (200, 3))
        >>> matches = places * [1.1, 1.0, 0.9] + [5.0, 0.0, 0.0] + rng.normal(0, 2, (200, 3))
        >>> matches[:120] = rng.uniform(0, 300, (120, 3))  # most are wrong
        >>> fitted = robust_affine(places, matches, np.ones(200), 30.0, rng)
        >>> np.round(fitted.affine.matrix.diagonal(), 1).tolist()
        [1.1, 1.0, 0.9]
    """
    first = _best_hypothesis(from_mm, to_mm, importance, reach_mm, rng)
    return refined_affine(from_mm, to_mm, importance, first, reach_mm)


REFINEMENTS = 12


def refined_affine(from_mm: Points, to_mm: Points, importance: Weights, start: Affine, reach_mm: float) -> FittedAffine:
    """Returns the affine map by reweighted least squares from a first one."""
    affine, scale = start, reach_mm
    weights = importance
    for _ in range(REFINEMENTS):
        residuals = np.linalg.norm(affine(from_mm) - to_mm, axis=1)
        shares = 1 / (1 + np.square(residuals / scale)) ** 2
        weights = importance * shares
        affine = _weighted_affine(from_mm, to_mm, weights)
        within = residuals < 2 * scale
        typical = float(np.median(residuals[within])) if within.any() else reach_mm
        scale = min(scale, max(1.5 * typical, reach_mm / 8, 1e-3))
    residuals = np.linalg.norm(affine(from_mm) - to_mm, axis=1)
    shares = 1 / (1 + np.square(residuals / scale)) ** 2
    total = float((importance * shares).sum())
    spread = float(np.sqrt((importance * shares * np.square(residuals)).sum() / max(total, 1e-12)))
    return FittedAffine(affine, shares, spread)


def _best_hypothesis(
    from_mm: Points, to_mm: Points, importance: Weights, reach_mm: float, rng: np.random.Generator
) -> Affine:
    sizes, shifts = _hypotheses(from_mm, to_mm, importance, reach_mm, rng)
    best, most = 0, -1.0
    for number, (size, shift) in enumerate(zip(sizes, shifts, strict=True)):
        away = np.square(size * from_mm + shift - to_mm).sum(1) / reach_mm**2
        agreeing = float((importance * np.maximum(0, 1 - away)).sum())
        if agreeing > most:
            best, most = number, agreeing
    return Affine(np.eye(3) * sizes[best], shifts[best])


HYPOTHESES = 1500
SIZES = (0.6, 1.7)
"""Sizes of one body as a multiple of another's: from a child to a tall adult."""

UPRIGHT = 0.8
"""Least cosine between the line of two places in one scan and in the other."""


def _hypotheses(
    from_mm: Points, to_mm: Points, importance: Weights, reach_mm: float, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, " hypotheses"], Float64[np.ndarray, "hypotheses 3"]]:
    """Returns size and shift by two matches each, and at last the shift of the median match alone."""
    chance = importance / importance.sum()
    pairs: Int64[np.ndarray, "hypotheses 2"] = rng.choice(len(from_mm), (HYPOTHESES, 2), p=chance)
    lines, others = np.diff(from_mm[pairs], axis=1)[:, 0], np.diff(to_mm[pairs], axis=1)[:, 0]
    length, other = np.linalg.norm(lines, axis=1), np.linalg.norm(others, axis=1)
    sizes = other / np.maximum(length, 1e-9)
    upright = (lines * others).sum(1) > UPRIGHT * length * other
    good = upright & (length > 2 * reach_mm) & (sizes > SIZES[0]) & (sizes < SIZES[1])
    sizes, pairs = sizes[good], pairs[good]
    shifts = to_mm[pairs].mean(1) - sizes[:, None] * from_mm[pairs].mean(1)
    median = np.median(to_mm - from_mm, axis=0)
    return np.append(sizes, 1.0), np.concatenate([shifts, median[None]])


STIFFNESS = 0.02
"""Weight of the penalty on departures from one size, relative to that of the matches."""


def _weighted_affine(from_mm: Points, to_mm: Points, weights: Weights) -> Affine:
    """Returns the least-squares affine map with a penalty on departures from the best single size."""
    total = max(float(weights.sum()), 1e-12)
    centre_from, centre_to = (weights @ from_mm) / total, (weights @ to_mm) / total
    x, y = from_mm - centre_from, to_mm - centre_to
    moments = (x * weights[:, None]).T @ x / total
    cross = (y * weights[:, None]).T @ x / total
    size = float(np.clip(np.trace(cross) / max(np.trace(moments), 1e-12), *SIZES))
    ridge = STIFFNESS * np.trace(moments) / 3 + 1e-9
    matrix = (cross + ridge * size * np.eye(3)) @ np.linalg.inv(moments + ridge * np.eye(3))
    return Affine(matrix, centre_to - matrix @ centre_from)
