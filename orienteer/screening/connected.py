"""Which names pairs connect."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def connected(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Returns the sets of names that pairs connect, the largest first, each sorted; a name without a pair is a set of its own.

    Example:
        >>> connected(["a", "b", "c", "d", "e"], [("a", "b"), ("b", "e")])
        [('a', 'b', 'e'), ('c',), ('d',)]
    """
    if not names:
        return []
    number = {name: at for at, name in enumerate(names)}
    ends = np.array([(number[first], number[second]) for first, second in pairs], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    sets: dict[int, list[str]] = {}
    for name, label in zip(names, connected_components(graph, directed=False)[1].tolist(), strict=True):
        sets.setdefault(label, []).append(name)
    return sorted((tuple(sorted(members)) for members in sets.values()), key=lambda each: (-len(each), each))
