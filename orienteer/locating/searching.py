"""A search for displacements too large for gradients: every place of a lattice looks around where the map leads so far.

The disagreement of descriptors is computed for each place and each displacement of a small cube, averaged over neighbouring
places, and made smooth: displacement by displacement, each place takes the best compromise between its own disagreement and
where its neighbours go, which weighs more and more. Heinrich, Papiez, Schnabel and Handels, *Non-parametric discrete
registration with convex optimisation*, WBIR 2014, equations 3 and 4. Departures: the places are those of the body alone, and
a spline smooths where they use a Gaussian.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Float64
from scipy import sparse
from scipy.sparse.linalg import factorized
from scipy.spatial import cKDTree

from orienteer.locating.bending import HOLD, Bent, Term
from orienteer.locating.splines import control_grid

Points = Float64[np.ndarray, "points 3"]

COUPLING = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Weight of the distance to the smooth field, in squared steps, relative to the deviation of the disagreement."""

AROUND = 27
"""Places over which the disagreement is averaged: about a cube of three."""


def searched(
    places_mm: Points,
    terms: Sequence[Term],
    start: Bent,
    step_mm: float,
    reach: int,
    control_mm: float,
    stiffness: float,
    box: tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]],
) -> Bent:
    """Returns the smooth map to the best displacements around a first one.

    Args:
        places_mm: evenly spaced places of the template.
        terms: their descriptors, and those of the other scan.
        start: the first map; its displacement field is replaced.
        step_mm: distance of the displacements that are tried.
        reach: how many of them on either side along each axis.
        control_mm: distance of the control points.
        stiffness: weight of the penalty on roughness.
        box: low and high corner of what the control points are to cover.
    """
    offsets = step_mm * np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    now = start(places_mm)
    costs = _around(places_mm) @ sum(float(term.weights.mean()) * _disagreement(now, offsets, term) for term in terms)
    costs = costs - costs.min(1, keepdims=True)
    spread = costs.std(1, keepdims=True)
    typical = max(float(np.median(spread)), 1e-9)
    outside = ~terms[0].scan.read(now).inside  # nothing there to compare with: the map stays as it is
    confidence = terms[0].weights * np.where(outside, HOLD, (spread[:, 0] / typical).clip(0.05, 3))
    grid = control_grid(*box, control_mm)
    weights, roughness = grid.weights(places_mm), grid.roughness()
    base = now - start.affine(places_mm)
    smooth = np.zeros_like(places_mm)
    controls = np.zeros((grid.count, 3))
    lengths = (offsets**2).sum(1).astype(np.float32)
    fitted = _fitting(weights, roughness * control_mm**2 * stiffness, confidence)
    for coupling in COUPLING:
        pull = coupling * typical / step_mm**2
        # |offset - smooth|^2 without |smooth|^2, which is the same for all offsets of a place
        best = (costs + pull * (lengths - 2 * (smooth @ offsets.T).astype(np.float32))).argmin(1)
        best[outside] = len(offsets) // 2
        controls = fitted(base + offsets[best])
        smooth = np.clip(weights @ controls - base, -reach * step_mm, reach * step_mm)
    return Bent(start.affine, grid, controls)


def _disagreement(
    now_mm: Points, offsets_mm: Float64[np.ndarray, "offsets 3"], term: Term
) -> Float32[np.ndarray, "points offsets"]:
    """Returns squared distances of descriptors for every place and displacement, at the nearest cell of the other scan.

    A displacement out of the scan costs as much as two places drawn at random differ.
    """
    volume, template = term.scan, term.template
    chance = 2 * float(template.var(0).sum())
    squares = np.square(volume.rows).sum(1)
    own = np.square(template).sum(1)
    last = np.array(volume.shape) - 1
    costs = np.empty((len(now_mm), len(offsets_mm)), np.float32)
    at = (now_mm - volume.origin_mm) / volume.step_mm
    steps = offsets_mm / volume.step_mm
    for number in range(len(now_mm)):
        cells = np.rint(at[number] + steps).astype(np.int64)
        outside = ((cells < 0) | (cells > last)).any(1)
        cells = np.clip(cells, 0, last)
        rows = (cells[:, 0] * volume.shape[1] + cells[:, 1]) * volume.shape[2] + cells[:, 2]
        away = squares[rows] - 2 * (volume.rows[rows] @ template[number]) + own[number]
        costs[number] = np.where(outside, chance, np.minimum(away, chance))
    return costs


def _around(places_mm: Points) -> sparse.csr_matrix:
    """Returns the matrix that averages over each place and its neighbours."""
    count = min(AROUND, len(places_mm))
    _, near = cKDTree(places_mm).query(places_mm, k=count)
    near = np.reshape(near, (len(places_mm), count))
    rows = np.arange(0, count * len(places_mm) + 1, count)
    values = np.full(near.size, 1 / count, np.float32)
    return sparse.csr_matrix((values, near.ravel(), rows), shape=(len(places_mm), len(places_mm)))


def _fitting(
    weights: sparse.csr_matrix, roughness: sparse.csr_matrix, confidence: Float64[np.ndarray, " points"]
) -> Callable[[Points], Float64[np.ndarray, "controls 3"]]:
    """Returns a function from wanted displacements to the control points of the smooth field nearest to them."""
    weighted = weights.multiply(confidence[:, None]).tocsr()
    mean = confidence.sum() / weights.shape[1]
    normal = (weights.T @ weighted + mean * roughness + 1e-3 * mean * sparse.identity(weights.shape[1])).tocsc()
    solve = factorized(normal)

    def fitted(wanted_mm: Points) -> Float64[np.ndarray, "controls 3"]:
        right = weighted.T @ wanted_mm
        return np.stack([solve(right[:, axis]) for axis in range(3)], axis=1)

    return fitted
