"""Quarter turns of a view, and orders of the eight cubes that it is cut into.

Both destroy the place of the view: a method that uses them must not have tasks that predict places.
"""

from functools import lru_cache
from itertools import permutations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.types import Triple

View = Float[Tensor, "1 size0 size1 size2"]
"""One view with its channel axis."""

UNTOUCHED = -1
"""Marks a view that is not an example: it was not among those to be turned, or not among those to be reordered."""

ORDERS = 24
"""Number of orders of the eight cubes of a view; order 0 leaves them in place."""

TURNS: tuple[tuple[int, int], ...] = ((0, 0), *((axis, quarter) for axis in range(3) for quarter in (1, 2, 3)))
"""Axis and number of quarter turns about it; turn 0 leaves the view unchanged."""


def fitting_turns(size_vox: Triple) -> tuple[int, ...]:
    """Returns the numbers of the turns after which a view has the same size.

    Example:
        >>> fitting_turns((16, 16, 24))
        (0, 2, 5, 7, 8, 9)
    """
    fits = []
    for number, (axis, quarter) in enumerate(TURNS):
        first, second = (size for other, size in enumerate(size_vox) if other != axis)
        if quarter % 2 == 0 or first == second:
            fits.append(number)
    return tuple(fits)


def turned(image: View, turn: int) -> Float[Tensor, "1 _ _ _"]:
    """Returns a view after turn number ``turn`` of ``TURNS``; unchanged for ``UNTOUCHED``."""
    if turn in (0, UNTOUCHED):
        return image
    axis, quarter = TURNS[turn]
    first, second = (other for other in range(3) if other != axis)
    return torch.rot90(image, quarter, (first + 1, second + 1))


def reordered(image: View, order: int) -> View:
    """Returns a view with its eight cubes in order number ``order``; the last voxel of an odd axis stays in place."""
    if order in (0, UNTOUCHED):
        return image
    half = [size // 2 for size in image.shape[1:]]
    corners = [(i * half[0], j * half[1], k * half[2]) for i, j, k in np.ndindex(2, 2, 2)]
    moved = image.clone()
    for to, source in zip(corners, cube_orders()[order], strict=True):
        moved[_cube(to, half)] = image[_cube(corners[source], half)]
    return moved


@lru_cache(maxsize=1)
def cube_orders() -> tuple[tuple[int, ...], ...]:
    """Returns the orders of the eight cubes; each next one differs from all before it in as many places as possible."""
    every = np.array(list(permutations(range(8))), np.int8)
    chosen = [0]
    nearest = (every != every[0]).sum(1)
    while len(chosen) < ORDERS:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, (every != every[chosen[-1]]).sum(1))
    return tuple(tuple(int(cube) for cube in every[number]) for number in chosen)


def _cube(corner: tuple[int, int, int], half: list[int]) -> tuple[slice, ...]:
    return (slice(None), *(slice(first, first + size) for first, size in zip(corner, half, strict=True)))
