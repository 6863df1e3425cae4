"""Bends an affine map until the descriptors of two scans agree: Gauss-Newton steps on a smooth displacement field.

At each step the descriptors of the other scan are read, with their slopes, where the map now leads; the displacement that
would make them agree is solved for together with the penalty on roughness. Descriptors that disagree whatever the map does
(a tumour, a missing organ) lose their weight (Geman and McClure). Where the map leads out of the other scan there is nothing to
compare, and the field goes back to the affine map: carried on smoothly alone, it bent places that had been cut away into view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from orienteer.locating.affine import Affine
from orienteer.locating.splines import ControlGrid, control_grid
from orienteer.locating.volumes import Volume

Points = Float64[np.ndarray, "points 3"]
Descriptors = Float32[np.ndarray, "points channels"]


@dataclass(frozen=True)
class Term:
    """One kind of descriptor that is to agree.

    Attributes:
        template: descriptors at the places of the template.
        scan: the same kind of descriptor all over the other scan.
        weights: of this kind at each of the places.
    """

    template: Descriptors
    scan: Volume
    weights: Float64[np.ndarray, " points"]


@dataclass(frozen=True)
class Bent:
    """An affine map with a displacement field, which is given in the template's frame.

    Attributes:
        affine: the map that the field is added to.
        grid: control points in the template.
        controls_mm: displacement at the control points, in the other scan's frame.
    """

    affine: Affine
    grid: ControlGrid | None = None
    controls_mm: Float64[np.ndarray, "controls 3"] | None = None

    def __call__(self, points_mm: Points) -> Points:
        """Returns places of the template in the other scan."""
        mapped: Points = self.affine(points_mm)
        if self.grid is not None and self.controls_mm is not None:
            mapped = mapped + self.grid.weights(points_mm) @ self.controls_mm
        return mapped


def aligned(places_mm: Points, terms: Sequence[Term], start: Affine, stiffness: float, steps: int) -> Affine:
    """Returns the affine map at which descriptors agree best, near a first one.

    Args:
        places_mm: places of the template.
        terms: their descriptors, and those of the other scan.
        start: the first map.
        stiffness: penalty on departures of its linear part from the first map's.
        steps: Gauss-Newton steps.
    """
    centre = places_mm.mean(0)
    reach = float(np.sqrt(np.square(places_mm - centre).sum(1).mean() / 3))
    design = np.concatenate([(places_mm - centre) / reach, np.ones((len(places_mm), 1))], axis=1)  # points 4
    change = np.zeros((3, 4))
    for _ in range(steps):
        now = start(places_mm) + design @ change.T
        curvature, pull = _normal_parts(now, terms)
        normal = np.einsum("nab,ni,nj->aibj", curvature, design, design, optimize=True).reshape(12, 12)
        force = np.einsum("na,ni->ai", pull, design).reshape(12)
        typical = np.trace(normal) / 12
        penalty = np.tile([stiffness, stiffness, stiffness, stiffness / 100], 3) * typical
        force = force + penalty * change.reshape(12)
        change = change - np.linalg.solve(normal + np.diag(penalty + 1e-3 * typical), force).reshape(3, 4)
    matrix = start.matrix + change[:, :3] / reach
    return Affine(matrix, start(centre) + change[:, 3] - matrix @ centre)


SOLVER_STEPS = 15
"""Of the conjugate gradients in a Gauss-Newton step; the next step goes on from where they end."""


def bent(
    places_mm: Points,
    terms: Sequence[Term],
    start: Bent,
    step_mm: float,
    stiffness: float,
    steps: int,
    box: tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]] | None = None,
) -> Bent:
    """Returns the smooth map at which descriptors agree best, near a first one.

    Args:
        places_mm: places of the template.
        terms: their descriptors, and those of the other scan.
        start: the first map.
        step_mm: distance of the control points.
        stiffness: weight of the penalty on roughness, relative to the mean weight of the descriptors.
        steps: Gauss-Newton steps.
        box: low and high corner of what the control points are to cover; by default the places.
    """
    low_mm, high_mm = box or (places_mm.min(0), places_mm.max(0))
    grid = control_grid(low_mm, high_mm, step_mm)
    weights = grid.weights(places_mm)
    back = weights.T.tocsr()
    roughness = grid.roughness()
    controls = _controls_of(start, grid)
    base = start.affine(places_mm)
    for _ in range(steps):
        curvature, pull = _held(*_normal_parts(base + weights @ controls, terms), weights @ controls)
        typical = float(np.trace(curvature, axis1=1, axis2=2).mean()) / 3 * len(places_mm) / grid.count
        rough = roughness * (stiffness * typical * step_mm**2)
        damping = 0.05 * typical

        def normal(flat: np.ndarray, curvature: np.ndarray = curvature, rough: sparse.csr_matrix = rough,
                   damping: float = damping) -> np.ndarray:  # fmt: skip
            field = flat.reshape(-1, 3)
            pulled = np.einsum("nab,nb->na", curvature, weights @ field)
            answer: np.ndarray = (back @ pulled + rough @ field + damping * field).ravel()
            return answer

        force = -(back @ pull + rough @ controls).ravel()
        size = 3 * grid.count
        step, _ = cg(LinearOperator((size, size), matvec=normal), force, maxiter=SOLVER_STEPS, rtol=1e-2)
        controls = controls + step.reshape(-1, 3)
    return Bent(start.affine, grid, controls)


HOLD = 0.2
"""Pull of the affine map on places outside the other scan, relative to that of the descriptors on a place inside."""


def _held(
    curvature: Float64[np.ndarray, "points 3 3"], pull: Float64[np.ndarray, "points 3"], moved_mm: Points
) -> tuple[Float64[np.ndarray, "points 3 3"], Float64[np.ndarray, "points 3"]]:
    """Returns curvature and slope with a pull back to the affine map at places where nothing could be compared."""
    strength = np.trace(curvature, axis1=1, axis2=2) / 3
    nothing = strength == 0
    if nothing.all():
        return curvature, pull
    hold = HOLD * float(strength[~nothing].mean()) * nothing
    return curvature + hold[:, None, None] * np.eye(3), pull + hold[:, None] * moved_mm


def _normal_parts(
    now_mm: Points, terms: Sequence[Term]
) -> tuple[Float64[np.ndarray, "points 3 3"], Float64[np.ndarray, "points 3"]]:
    """Returns curvature and slope of the disagreement at each place, over all kinds of descriptors."""
    curvature, pull = np.zeros((len(now_mm), 3, 3)), np.zeros((len(now_mm), 3))
    for term in terms:
        read = term.scan.read(now_mm)
        residual = read.values - term.template
        size = np.square(residual).sum(1)
        typical = float(np.median(size[read.inside])) if read.inside.any() else 1.0
        share = term.weights * read.inside / (1 + size / max(2 * typical, 1e-9)) ** 2
        curvature += share[:, None, None] * (read.slopes @ read.slopes.transpose(0, 2, 1))
        pull += share[:, None] * (read.slopes @ residual[:, :, None])[:, :, 0]
    return curvature, pull


def _controls_of(start: Bent, grid: ControlGrid) -> Float64[np.ndarray, "controls 3"]:
    """Returns the first map's field at the control points of another grid, nearly: splines smooth a little."""
    if start.grid is None or start.controls_mm is None:
        return np.zeros((grid.count, 3))
    axes = [grid.origin_mm[axis] + np.arange(count) * grid.step_mm for axis, count in enumerate(grid.shape)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(start.grid.weights(points) @ start.controls_mm)
