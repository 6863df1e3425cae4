"""Scans that are unlike the rest: another part of the body, another modality, noise."""

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.screening.collection import ENOUGH
from orienteer.screening.findings import Finding
from orienteer.screening.nearest import description, nearest_others
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.thresholds import THRESHOLDS

MATES = 3
"""Up to so many odd scans of a kind do not hide each other; more are a kind of their own."""

Vectors = Float32[np.ndarray, "scans numbers"]


def outlier_findings(names: list[str], vectors: Vectors, by: str = "by their small copies") -> list[Finding]:
    """Returns a finding for each scan that is far from the others.

    Args:
        names: of the scans.
        vectors: what describes each.
        by: by what they are compared, in words.
    """
    if len(names) < ENOUGH:
        return []
    oddness, nearest = how_odd(vectors)
    findings = []
    for number in np.flatnonzero(oddness >= THRESHOLDS.outlier).tolist():
        others = tuple(names[other] for other in nearest[number])
        what = f"{oddness[number]:.1f} times further from the rest than these are from each other, {by}; nearest: {others[0]}"
        do = "look whether it shows another part of the body or another modality; leave it out with --exclude"
        sure = min(0.95, 0.5 + 0.1 * (oddness[number] / THRESHOLDS.outlier - 1) + 0.2)
        evidence = {"times_further": float(oddness[number])}
        findings.append(Finding(names[number], "outlier", "warning", what, evidence, sure, do, others=others))
    return findings


def how_odd(vectors: Vectors) -> tuple[Float64[np.ndarray, " scans"], list[list[int]]]:
    """Returns how much further each scan is from the rest than the rest is apart, and its three nearest.

    A scan may be odd alone, or with the one or two that are nearest to it. Its distance to the first scan outside this
    group is divided by the distance of that scan to its own third nearest, or by the width of the group where that is more.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors = rng.normal(size=(20, 5)).astype(np.float32)
        >>> vectors[:3] += 30
        >>> oddness, _ = how_odd(vectors)
        >>> (oddness > 4).nonzero()[0].tolist()
        [0, 1, 2]
    """
    nearest, distances = nearest_others(vectors, MATES)
    usual = distances[:, -1]
    width = np.zeros(len(vectors))
    oddness: Float64[np.ndarray, " scans"] = np.zeros(len(vectors))
    for first_outside, distance in zip(nearest.T, distances.T, strict=True):
        oddness = np.maximum(oddness, distance / np.maximum(np.maximum(usual[first_outside], width), 1e-9))
        width = distance
    return oddness, nearest.tolist()


def descriptions(copies: SmallCopies) -> tuple[list[str], Vectors]:
    """Returns the scans that have small copies, and the description of each."""
    names = list(copies.names)
    return names, np.stack([description(copies.path(name)) for name in names])
