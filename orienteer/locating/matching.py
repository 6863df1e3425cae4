"""Matches of places of two scans by the features of a network: those that agree both ways, at every level."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

Features = Float32[np.ndarray, "_places channels"]  # the underscore: the two scans have different numbers of places
Components = Float32[np.ndarray, "_places _components"]

LEAST_DEVIATION = 1e-6
"""Share of the largest value below which a channel says nothing."""


class Matches(NamedTuple):
    """Places that are each other's nearest.

    Attributes:
        first: numbers of places of the one scan.
        second: numbers of their matches in the other.
        cosine: similarity of each.
    """

    first: Int64[np.ndarray, " matches"]
    second: Int64[np.ndarray, " matches"]
    cosine: Float32[np.ndarray, " matches"]


def level_slices(channels: Sequence[int]) -> list[slice]:
    """Returns which columns of side-by-side features belong to which level.

    Example:
        >>> level_slices([4, 8])
        [slice(0, 4, None), slice(4, 12, None)]
    """
    ends = np.cumsum([0, *channels]).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]


def side_by_side(first: Features, second: Features, channels: Sequence[int]) -> tuple[Features, Features]:
    """Returns the features of two scans, brought to one scale, each level with the same weight and each place of length 1.

    Mean and deviation of every channel are those over both scans, so that what the two scanners have in common cancels.
    """
    every = np.concatenate([first, second])
    mean, deviation = every.mean(0), every.std(0)
    useful = deviation > LEAST_DEVIATION * max(float(np.abs(every).max()), 1e-12)
    scale = np.where(useful, 1 / np.where(useful, deviation, 1), 0).astype(np.float32)
    for columns in level_slices(channels):
        scale[columns] /= np.sqrt(max(int(useful[columns].sum()), 1))
    return unit((first - mean) * scale), unit((second - mean) * scale)


def unit(features: Features) -> Features:
    """Returns rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows: Features = (features / np.maximum(lengths, 1e-12)).astype(np.float32)
    return rows


def both_ways(first: Features, second: Features) -> Matches:
    """Returns the places that are each other's most similar, by cosine.

    Args:
        first: rows of length 1.
        second: rows of length 1.

    Example:
        >>> both_ways(np.float32([[1, 0], [0, 1], [0.6, 0.8]]), np.float32([[0, 1], [1, 0]])).second.tolist()
        [1, 0]
    """
    cosines = first @ second.T
    there, back = cosines.argmax(1), cosines.argmax(0)
    kept = np.flatnonzero(back[there] == np.arange(len(first)))
    return Matches(kept, there[kept], cosines[kept, there[kept]])


def matches_at_levels(first: Features, second: Features, channels: Sequence[int]) -> Matches:
    """Returns the matches by all levels together and by each level alone, in one list.

    Args:
        first: features of the one scan, from `side_by_side`.
        second: of the other.
        channels: how many belong to each level.
    """
    every = [both_ways(first, second)]
    if len(channels) > 1:
        every += [both_ways(unit(first[:, columns]), unit(second[:, columns])) for columns in level_slices(channels)]
    return Matches(*(np.concatenate(parts) for parts in zip(*every, strict=True)))


def principal(first: Features, second: Features, count: int) -> tuple[Components, Components]:
    """Returns the coordinates of both scans' features on the first principal components of the two together."""
    every = np.concatenate([first, second])
    every = every - every.mean(0)
    _, vectors = np.linalg.eigh(np.asarray(every.T @ every, np.float64))
    axes = vectors[:, ::-1][:, :count].astype(np.float32)
    projected: Components = every @ axes
    return projected[: len(first)], projected[len(first) :]
