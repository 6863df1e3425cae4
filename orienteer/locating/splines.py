"""A smooth displacement field: cubic B-splines over a grid of control points.

The form is that of ITK's B-spline transform, so that a field can be handed to registration programs as it is. Rueckert et
al., *Nonrigid registration using free-form deformations*, IEEE TMI 1999.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import sparse

from orienteer.types import Triple

Points = Float64[np.ndarray, "points 3"]


@dataclass(frozen=True)
class ControlGrid:
    """The control points of a field.

    Attributes:
        shape: control points per axis.
        origin_mm: the first control point, body frame.
        step_mm: distance of neighbouring control points on all axes.
    """

    shape: Triple
    origin_mm: Float64[np.ndarray, "3"]
    step_mm: float

    @property
    def count(self) -> int:
        """Number of control points."""
        return int(np.prod(self.shape))

    def weights(self, points_mm: Points) -> sparse.csr_matrix:
        """Returns the matrix from values at control points to values at places: 64 weights a row, that add up to 1.

        Beyond the grid the field continues as at its border.
        """
        last = np.array(self.shape) - 1
        at = np.clip((points_mm - self.origin_mm) / self.step_mm, 1, last - 1 - 1e-6)
        first = at.astype(np.int64) - 1
        basis = _cubic(at - first - 1)  # points 3 4
        columns, values = [], []
        for i, j, k in np.ndindex(4, 4, 4):
            columns.append(((first[:, 0] + i) * self.shape[1] + first[:, 1] + j) * self.shape[2] + first[:, 2] + k)
            values.append(basis[:, 0, i] * basis[:, 1, j] * basis[:, 2, k])
        rows = np.arange(0, 64 * len(at) + 1, 64)
        shape = (len(at), self.count)
        return sparse.csr_matrix((np.stack(values, 1).ravel(), np.stack(columns, 1).ravel(), rows), shape=shape)

    def roughness(self) -> sparse.csr_matrix:
        """Returns the matrix of the squared differences of neighbouring control points, per squared step."""
        lines = [sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n)) for n in self.shape]
        same = [sparse.identity(n) for n in self.shape]
        total = sparse.csr_matrix((self.count, self.count))
        for axis in range(3):
            parts = [lines[axis].T @ lines[axis] if other == axis else same[other] for other in range(3)]
            total = total + sparse.kron(sparse.kron(parts[0], parts[1]), parts[2])
        return (total / self.step_mm**2).tocsr()


def control_grid(low_mm: Float64[np.ndarray, "3"], high_mm: Float64[np.ndarray, "3"], step_mm: float) -> ControlGrid:
    """Returns the control points whose field covers a box."""
    cells = np.maximum(1, np.ceil((high_mm - low_mm) / step_mm)).astype(int)
    spare = (cells * step_mm - (high_mm - low_mm)) / 2
    shape0, shape1, shape2 = (int(count) + 3 for count in cells)
    return ControlGrid((shape0, shape1, shape2), low_mm - spare - step_mm, step_mm)


def _cubic(share: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points 3 4"]:
    """Returns the four values of the uniform cubic B-spline basis for a place between its second and third control point."""
    rest = 1 - share
    parts = (
        rest**3,
        3 * share**3 - 6 * share**2 + 4,
        3 * rest**3 - 6 * rest**2 + 4,
        share**3,
    )
    basis: Float64[np.ndarray, "points 3 4"] = np.stack(parts, axis=-1) / 6
    return basis
