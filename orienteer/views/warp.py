"""Warps of a scan: a rotation, another size along each axis and a smooth deformation, and places in mm that move along.

A warp is a map between two bodies: the *warped* one, in which views are drawn and places are counted, and the scan, whose
voxels they show. Few scans are learned by heart; under warps every set of views shows another body, and the truth stays
exact. Nothing is mirrored.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from orienteer.types import Triple, TripleMm

PointsMm = Float64[np.ndarray, "*points 3"]
"""Positions in mm in the body frame."""

MOST_DEGREES = 15.0
"""Largest angle of the rotation at strength 1."""

MOST_SCALE = 1.1
"""Largest ratio of the sizes of a body and its warped form along an axis at strength 1. Bodies differ by about as much."""

MOST_SHIFT = 0.15
"""Largest displacement of a control point at strength 1, as a share of the distance between control points. Below 0.4 of it
a deformation by cubic B-splines is one to one (Choi and Lee, *Injectivity Conditions of 2D and 3D Uniform Cubic B-Spline
Functions*, Graphical Models 2000)."""

SPANS = 3
"""Distances between control points along the longest axis of a scan: a deformation is as smooth as large organs."""

_ROUNDS = 30
"""Fixed-point iterations of the inverse; each reduces the error at least to a half."""


@dataclass(frozen=True)
class Warp:
    """A smooth map from a warped body to the scan that its voxels are taken from.

    A point ``y`` of the warped body shows the point ``centre + matrix @ (y - centre) + shift(y)`` of the scan, where the
    shift is a sum of cubic B-splines (Rueckert et al., *Nonrigid Registration Using Free-Form Deformations*, IEEE TMI 1999).

    Attributes:
        centre_mm: the point that the linear part keeps.
        matrix: the linear part; its determinant is positive.
        shifts_mm: of the control points, ``(n0, n1, n2, 3)``.
        first_mm: position of control point (0, 0, 0) in the warped body.
        step_mm: distance between control points, on all axes.
    """

    centre_mm: Float64[np.ndarray, "3"]
    matrix: Float64[np.ndarray, "3 3"]
    shifts_mm: Float64[np.ndarray, "n0 n1 n2 3"]
    first_mm: Float64[np.ndarray, "3"]
    step_mm: float

    def on_lattice(
        self, axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> Float64[np.ndarray, "3 size0 size1 size2"]:
        """Returns the points of the scan that a lattice of the warped body shows, mm, coordinates first.

        Args:
            axes_mm: the coordinates of the lattice along each axis, mm.
        """
        along = [axis - middle for axis, middle in zip(axes_mm, self.centre_mm, strict=True)]
        b0, b1, b2 = (self._weights(axis, number) for number, axis in enumerate(axes_mm))
        n0, n1, n2, _ = self.shifts_mm.shape
        shift: np.ndarray = (b0 @ self.shifts_mm.reshape(n0, -1)).reshape(-1, n1, n2, 3)  # (size0, n1, n2, 3)
        shift = b1 @ shift.transpose(3, 0, 1, 2).reshape(3, -1, n1, n2)  # (3, size0, size1, n2)
        shift = (shift.reshape(-1, n2) @ b2.T).reshape(*shift.shape[:3], -1)  # (3, size0, size1, size2)
        for row in range(3):
            m0, m1, m2 = self.matrix[row]
            plane = self.centre_mm[row] + m0 * along[0][:, None] + m1 * along[1]
            shift[row] += plane[:, :, None] + m2 * along[2]
        return shift

    def to_scan(self, points_mm: PointsMm) -> PointsMm:
        """Returns the points of the scan that points of the warped body show."""
        flat = points_mm.reshape(-1, 3)
        linear: np.ndarray = self.centre_mm + (flat - self.centre_mm) @ self.matrix.T
        linear += self._shift(flat)
        return linear.reshape(points_mm.shape)

    def from_scan(self, points_mm: PointsMm) -> PointsMm:
        """Returns where points of the scan lie in the warped body: the inverse of `to_scan`."""
        inverse = np.linalg.inv(self.matrix)
        flat = points_mm.reshape(-1, 3)
        warped: np.ndarray = self.centre_mm + (flat - self.centre_mm) @ inverse.T
        for _ in range(_ROUNDS):
            warped = self.centre_mm + (flat - self._shift(warped) - self.centre_mm) @ inverse.T
        return warped.reshape(points_mm.shape)

    def _shift(self, flat_mm: np.ndarray) -> np.ndarray:
        b0, b1, b2 = (self._weights(flat_mm[:, axis], axis) for axis in range(3))
        shift: np.ndarray = np.einsum("pa,pb,pc,abcx->px", b0, b1, b2, self.shifts_mm, optimize=True)
        return shift

    def _weights(self, positions_mm: np.ndarray, axis: int) -> np.ndarray:
        """Returns the weight of each control point at positions along an axis, ``(positions, n)``."""
        places = (positions_mm - self.first_mm[axis]) / self.step_mm
        return _cubic(np.abs(places[:, None] - np.arange(self.shifts_mm.shape[axis])))


def draw_warp(
    rng: np.random.Generator, strength: float, shape_vox: Triple, spacing_mm: TripleMm, origin_mm: TripleMm
) -> Warp:
    """Returns a random warp of a scan: the rotation is about a random axis through its centre.

    Args:
        rng: the draw depends on nothing else.
        strength: share of the largest angle, ratio of sizes and displacement, 0 to 1.
        shape_vox: size of the scan in voxels.
        spacing_mm: voxel size in mm.
        origin_mm: centre of voxel 0 in mm.

    Example:
        >>> warp = draw_warp(np.random.default_rng(0), 1.0, (64, 64, 96), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
        >>> place = np.array([[100.0, 120.0, 300.0]])
        >>> bool(np.abs(warp.to_scan(warp.from_scan(place)) - place).max() < 1e-6)
        True
    """
    size_mm = (np.array(shape_vox) - 1) * np.array(spacing_mm)
    centre = np.array(origin_mm, np.float64) + size_mm / 2
    axis = rng.normal(size=3)
    angle = math.radians(MOST_DEGREES) * strength * rng.uniform(-1, 1)
    scales = MOST_SCALE ** (strength * rng.uniform(-1, 1, 3))
    step = max(float(size_mm.max()), 1.0) / SPANS
    # Control points from half a scan outside on, where warped views still lie.
    counts = np.ceil(1.5 * size_mm / step).astype(int) + 3
    first = centre - (counts - 1) / 2 * step
    shifts = MOST_SHIFT * strength * step * rng.uniform(-1, 1, (*counts.tolist(), 3))
    return Warp(centre, _rotation(axis, angle) * scales, shifts, first, step)


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Returns the rotation about an axis by an angle in radians (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: np.ndarray = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return rotation


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Returns the cubic B-spline at distances in units of the step."""
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far)
