"""Matching places of two scans by their features: the nearest candidate, and how far it lies from the true place in mm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

ALL_LEVELS = "all levels"

Features = Float32[np.ndarray, "_places channels"]  # the underscore: queries and candidates are of different number
Nearest = Callable[[Features, Features], Int64[np.ndarray, " queries"]]
"""From queries and candidates to the number of the candidate that each query matches."""


@dataclass(frozen=True)
class Places:
    """A scan's landmarks and lattice, in voxels, with the features of both.

    Attributes:
        names: class and name of each landmark.
        marks_vox: the landmarks.
        lattice_vox: candidates for the landmarks of other scans.
        marks: features at the landmarks.
        lattice: features at the lattice.
    """

    names: tuple[tuple[int, str], ...]
    marks_vox: Int64[np.ndarray, "marks 3"]
    lattice_vox: Int64[np.ndarray, "places 3"]
    marks: Features
    lattice: Features


def level_slices(channels: Sequence[int]) -> dict[str, slice]:
    """Returns which columns of side-by-side features belong to which level, and all of them.

    Example:
        >>> level_slices([4, 8])
        {'level 0': slice(0, 4, None), 'level 1': slice(4, 12, None), 'all levels': slice(None, None, None)}
    """
    ends = np.cumsum([0, *channels]).tolist()
    slices = {f"level {level}": slice(ends[level], ends[level + 1]) for level in range(len(channels))}
    return {**slices, ALL_LEVELS: slice(None)}


def nearest_by_cosine(queries: Features, candidates: Features) -> Int64[np.ndarray, " queries"]:
    """Returns the number of the candidate with the largest cosine to each query.

    Example:
        >>> nearest_by_cosine(np.float32([[2, 0], [1, 1]]), np.float32([[0, 3], [5, 1], [1, 1.2]])).tolist()
        [1, 2]
    """
    unit = candidates / np.maximum(np.linalg.norm(candidates, axis=1, keepdims=True), 1e-12)
    numbers: Int64[np.ndarray, " queries"] = (queries @ unit.T).argmax(1)
    return numbers


def nearest_by_distance(queries: Features, candidates: Features) -> Int64[np.ndarray, " queries"]:
    """Returns the number of the candidate nearest to each query."""
    # |q - c|^2 without |q|^2, which is the same for all candidates
    numbers: Int64[np.ndarray, " queries"] = (np.square(candidates).sum(1) - 2 * queries @ candidates.T).argmin(1)
    return numbers


def partners_of(cases: int, count: int, seed: int) -> list[list[int]]:
    """Returns, for each case, the numbers of the others that it is compared with.

    Example:
        >>> [len(others) for others in partners_of(4, 2, seed=0)], partners_of(2, 5, seed=0)
        ([2, 2, 2, 2], [[1], [0]])
    """
    rng = np.random.default_rng(seed)
    every = []
    for case in range(cases):
        others = [other for other in range(cases) if other != case]
        every.append(sorted(rng.permutation(others)[:count].tolist()))
    return every


def pair_errors_mm(
    one: Places, other: Places, columns: slice, nearest: Nearest, spacing_mm: Sequence[float]
) -> list[float]:
    """Returns, for each landmark that both scans have, how far its match lies from the other scan's own landmark.

    Args:
        columns: of the features.
        nearest: from queries and candidates to numbers of candidates.
        spacing_mm: voxel size of the other scan.
    """
    row_of = {name: row for row, name in enumerate(one.names)}
    shared = [(row_of[name], row) for row, name in enumerate(other.names) if name in row_of]
    if not shared:
        return []
    queries, truths = (list(rows) for rows in zip(*shared, strict=True))
    matches = nearest(one.marks[queries][:, columns], other.lattice[:, columns])
    errors_mm = (other.lattice_vox[matches] - other.marks_vox[truths]) * np.array(spacing_mm)
    lengths: list[float] = np.linalg.norm(errors_mm, axis=1).tolist()
    return lengths
