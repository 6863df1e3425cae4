"""The 48 signed permutations of the axes: every way in which a header can confuse or mirror the axes of a scan.

They form a group (the symmetries of a cube). Element 0 of `ORIENTATIONS` is the identity.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import TypeVar, cast

import numpy as np
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from orienteer.types import Triple

NumberT = TypeVar("NumberT", int, float)


@dataclass(frozen=True)
class Orientation:
    """A signed permutation: axis a of the result runs along axis ``axes[a]`` of the input, backwards if ``signs[a]`` is -1.

    Attributes:
        axes: a permutation of 0, 1 and 2.
        signs: 1 or -1 for each axis of the result.
    """

    axes: Triple = (0, 1, 2)
    signs: Triple = (1, 1, 1)

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The orthogonal matrix that takes vectors of the input, mm, to vectors of the result.

        Example:
            >>> (Orientation((1, 0, 2), (1, 1, -1)).matrix @ [1.0, 2.0, 3.0]).tolist()
            [2.0, 1.0, -3.0]
        """
        matrix = np.zeros((3, 3))
        matrix[np.arange(3), self.axes] = self.signs
        return matrix

    @property
    def inverse(self) -> "Orientation":
        """The orientation that takes the result back to the input."""
        return _from_matrix(self.matrix.T)

    def after(self, first: "Orientation") -> "Orientation":
        """Returns the orientation that has the effect of ``first`` followed by this one.

        Example:
            >>> turn = Orientation((1, 0, 2), (-1, 1, 1))
            >>> turn.after(turn)
            Orientation(axes=(0, 1, 2), signs=(-1, -1, 1))
        """
        return _from_matrix(self.matrix @ first.matrix)

    def of_array(self, voxels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Returns an array with its last three axes in this orientation, as a view of the same memory.

        Example:
            >>> Orientation((2, 1, 0), (1, 1, -1)).of_array(np.arange(8).reshape(2, 2, 2))[0, 0].tolist()
            [4, 0]
        """
        leading = voxels.ndim - 3
        turned = voxels.transpose(*range(leading), *(leading + axis for axis in self.axes))
        result: NDArray[np.generic] = np.flip(turned, tuple(leading + axis for axis in self._backwards))
        return result

    def of_tensor(self, images: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Returns a tensor with its last three axes in this orientation."""
        leading = images.ndim - 3
        turned = images.permute(*range(leading), *(leading + axis for axis in self.axes))
        return turned.flip([leading + axis for axis in self._backwards])

    def of_lengths(self, lengths: tuple[NumberT, NumberT, NumberT]) -> tuple[NumberT, NumberT, NumberT]:
        """Returns one length per axis (a spacing or a size, say) in the order of the result.

        Example:
            >>> Orientation((2, 0, 1), (1, -1, 1)).of_lengths((1.0, 2.0, 5.0))
            (5.0, 1.0, 2.0)
        """
        first, second, third = self.axes
        return lengths[first], lengths[second], lengths[third]

    @property
    def _backwards(self) -> list[int]:
        return [axis for axis, sign in enumerate(self.signs) if sign < 0]


IDENTITY = Orientation()
"""Leaves everything as it is."""

ORIENTATIONS: tuple[Orientation, ...] = tuple(
    Orientation(cast(Triple, axes), cast(Triple, signs))
    for axes in permutations(range(3))
    for signs in product((1, -1), repeat=3)
)
"""All 48 orientations; number 0 is the identity."""

MIRRORINGS = 8
"""The first orientations only mirror axes, and do not swap any."""

ORIENTATION_NUMBER = {orientation: number for number, orientation in enumerate(ORIENTATIONS)}
"""The number of each orientation in ``ORIENTATIONS``."""


@lru_cache(maxsize=1)
def orientation_products() -> Int64[np.ndarray, "48 48"]:
    """Returns ``products[g, h]``, the number of the orientation that has the effect of h followed by g.

    Example:
        >>> orientation_products()[0, :4].tolist(), orientation_products()[1, 1].item()
        ([0, 1, 2, 3], 0)
    """
    return np.array([[ORIENTATION_NUMBER[g.after(h)] for h in ORIENTATIONS] for g in ORIENTATIONS], np.int64)


def _from_matrix(matrix: Float64[np.ndarray, "3 3"]) -> Orientation:
    axes = np.abs(matrix).argmax(axis=1)
    signs = matrix[np.arange(3), axes]
    return Orientation(cast(Triple, tuple(axes.tolist())), cast(Triple, tuple(int(sign) for sign in signs)))
