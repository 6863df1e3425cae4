"""Scans that are unlike the rest: another part of the body, another modality, noise."""

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.screening.collection import ENOUGH
from orienteer.screening.findings import Finding
from orienteer.screening.nearest import description, nearest_others
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.thresholds import THRESHOLDS

MATES = 3
"""A scan is as odd as it is far from its third nearest other: three odd ones of a kind do not hide each other."""

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
        what = f"{oddness[number]:.1f} times further from its neighbours than these are from theirs, {by}; nearest: {others[0]}"
        do = "look whether it shows another part of the body or another modality; leave it out with --exclude"
        sure = min(0.95, 0.5 + 0.1 * (oddness[number] / THRESHOLDS.outlier - 1) + 0.2)
        evidence = {"times_further": float(oddness[number])}
        findings.append(Finding(names[number], "outlier", "warning", what, evidence, sure, do, others=others))
    return findings


def how_odd(vectors: Vectors) -> tuple[Float64[np.ndarray, " scans"], list[list[int]]]:
    """Returns how much further each scan is from its third nearest other than these are, and the three nearest.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors = rng.normal(size=(20, 5)).astype(np.float32)
        >>> vectors[:2] += 30
        >>> oddness, _ = how_odd(vectors)
        >>> (oddness > 4).nonzero()[0].tolist()
        [0, 1]
    """
    nearest, distances = nearest_others(vectors, MATES)
    far = distances[:, -1]
    local = np.median(far[nearest], axis=1)
    oddness: Float64[np.ndarray, " scans"] = far / np.maximum(np.minimum(local, 3 * np.median(far)), 1e-9)
    return oddness, nearest.tolist()


def descriptions(copies: SmallCopies) -> tuple[list[str], Vectors]:
    """Returns the scans that have small copies, and the description of each."""
    names = list(copies.names)
    return names, np.stack([description(copies.path(name)) for name in names])
