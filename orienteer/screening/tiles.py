"""Divides the pairs of a collection into parts whose scans fit in memory together."""

from collections.abc import Iterator, Sequence
from itertools import combinations

TILE = 30
"""Scans whose spectra are in memory at once, times two."""

Numbers = tuple[int, int]
Part = tuple[list[int], list[Numbers]]
"""Numbers of the scans of a part, and pairs of places in that list."""


def tiles(count: int) -> Iterator[Part]:
    """Yields every pair of so many scans, in parts.

    Example:
        >>> parts = list(tiles(70))
        >>> len(parts), max(len(numbers) for numbers, _ in parts), sum(len(pairs) for _, pairs in parts) == 70 * 69 // 2
        (6, 60, True)
    """
    blocks = [range(start, min(start + TILE, count)) for start in range(0, count, TILE)]
    for first, second in [*combinations(blocks, 2), *((block, block) for block in blocks)]:
        numbers = sorted({*first, *second})
        pairs = [pair for pair in combinations(range(len(numbers)), 2)]
        if first is not second:
            pairs = [(i, j) for i, j in pairs if (numbers[i] in first) != (numbers[j] in first)]
        if pairs:
            yield numbers, pairs


def parts_of(pairs: Sequence[Numbers]) -> Iterator[Part]:
    """Yields some pairs in parts of at most twice `TILE` scans.

    Example:
        >>> list(parts_of([(4, 9), (4, 11), (9, 11)]))
        [([4, 9, 11], [(0, 1), (0, 2), (1, 2)])]
    """
    members: set[int] = set()
    here: list[Numbers] = []
    for pair in sorted(pairs):
        if len(members | {*pair}) > 2 * TILE:
            yield _part(members, here)
            members, here = set(), []
        members |= {*pair}
        here.append(pair)
    if here:
        yield _part(members, here)


def _part(members: set[int], pairs: Sequence[Numbers]) -> Part:
    numbers = sorted(members)
    place = {number: at for at, number in enumerate(numbers)}
    return numbers, [(place[i], place[j]) for i, j in pairs]
