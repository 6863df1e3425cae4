"""Which cells of a feature map a task compares: the level that is fine enough, and a grid over it that moves with the draw."""

from collections.abc import Sequence

from orienteer.errors import InputError
from orienteer.tasks.base import FeatureSpec
from orienteer.types import Triple

MOST_CELLS = 2
"""Cells per axis of a view that the graded form compares at once: 32 cells of four views make 496 pairs. Over the draws all
cells have their turn; with twice as many per axis the pairs of one step cost a fifth of a small encoder."""


def cell_step(cells: Triple) -> Triple:
    """Returns the step on each axis that leaves at most ``MOST_CELLS`` cells.

    Example:
        >>> cell_step((4, 6, 16))
        (2, 3, 8)
    """
    step0, step1, step2 = (-(-count // MOST_CELLS) for count in cells)
    return step0, step1, step2


def first_cell(step: Triple, draw: int) -> Triple:
    """Returns the first cell on each axis for one draw: over the draws, every cell has its turn.

    Example:
        >>> [first_cell((2, 1, 3), draw) for draw in range(4)]
        [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1)]
    """
    first = []
    for count in step:
        draw, number = divmod(draw, count)
        first.append(number)
    return first[0], first[1], first[2]


def every(first: Triple, step: Triple) -> tuple[slice, slice, slice]:
    """Returns the slices of the cells from ``first`` on, ``step`` apart."""
    slice0, slice1, slice2 = (slice(start, None, count) for start, count in zip(first, step, strict=True))
    return slice0, slice1, slice2


def choose_level(specs: Sequence[FeatureSpec], size_vox: Triple, min_cells: int) -> int:
    """Returns the number of the coarsest level in which half a view spans ``min_cells`` cells on every axis.

    If no level has as many, the finest one is used if half a view spans at least two of its cells.

    Raises:
        InputError: a part spans less than two cells of the finest level; the message gives the size to use.

    Example:
        >>> levels = [FeatureSpec(16, (2, 2, 2)), FeatureSpec(32, (4, 4, 4)), FeatureSpec(64, (8, 8, 8))]
        >>> choose_level(levels, (48, 48, 48), 4), choose_level(levels, (48, 48, 48), 3)
        (1, 2)
    """
    span = [min(size / 2 / stride for size, stride in zip(size_vox, spec.stride, strict=True)) for spec in specs]
    enough = [level for level, cells in enumerate(span) if cells >= min_cells]
    if enough:
        return enough[-1]
    if span[0] >= 2:
        return 0
    wanted = tuple(4 * stride for stride in specs[0].stride)
    enough_vox = tuple(max(size, least) for size, least in zip(size_vox, wanted, strict=True))
    raise InputError(
        "view_size",
        wanted=f"at least {wanted}, so that half a view spans two cells of the encoder's finest level",
        got=str(tuple(size_vox)),
        do=f"use {enough_vox}, or leave out similarity",
    )
