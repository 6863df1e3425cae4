"""What is usual in a collection: the medians and spreads that single scans are compared with, by modality."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from orienteer.screening.facts import ScanFacts

ENOUGH = 8
"""With fewer scans of a modality it is not known what is usual."""

MOST_OF_ALL = 0.8
"""Share of the scans from which on a fault is said once of the collection: by comparison it cannot be told."""

RARE = 0.05
"""Lengths that at most this share of the scans have are rare."""

LEAST_SPREAD = 0.05
"""Smallest robust standard deviation of the log of a length: 5 %. Scans of one protocol differ by less."""


@dataclass(frozen=True)
class Usual:
    """What is usual for the scans of one modality, as logs of lengths in mm.

    Attributes:
        scans: how many they are.
        spacing: median of the log voxel size along each axis.
        spacing_spread: its robust standard deviation.
        body: median of the log extent of the body.
        body_spread: its robust standard deviation.
        spacings: log voxel sizes of all.
        bodies: log extents of the body of all.
    """

    scans: int
    spacing: Float64[np.ndarray, "3"]
    spacing_spread: Float64[np.ndarray, "3"]
    body: Float64[np.ndarray, "3"]
    body_spread: Float64[np.ndarray, "3"]
    spacings: Float64[np.ndarray, "scans 3"]
    bodies: Float64[np.ndarray, "scans 3"]

    def oddest_spacing(self, lengths_mm: Sequence[float]) -> "OddLength":
        """Returns the voxel size of a scan that is furthest from the usual one.

        Args:
            lengths_mm: along the three axes.
        """
        return _oddest(np.array(lengths_mm), self.spacing, self.spacing_spread, self.spacings)

    def oddest_body(self, lengths_mm: Sequence[float]) -> "OddLength":
        """Returns the extent of a body that is furthest from the usual one.

        Args:
            lengths_mm: along the three axes.
        """
        return _oddest(np.array(lengths_mm), self.body, self.body_spread, self.bodies)


@dataclass(frozen=True)
class OddLength:
    """The one of three lengths that is furthest from the usual one.

    Attributes:
        axis: 0 right to left, 1 back to front, 2 foot to head.
        deviations: how many robust standard deviations it is off, with its sign.
        usual_mm: the usual length along the axis.
        rare: whether hardly any scan has such a length.
    """

    axis: int
    deviations: float
    usual_mm: float
    rare: bool


@dataclass(frozen=True)
class Collection:
    """What is usual in a collection.

    Attributes:
        scans: how many scans there are.
        usual: what is usual, by modality; without modalities of fewer than eight scans.
        modality: the modality of most scans, None if there is none of 80 % and eight scans.
        declared_modality: what its dataset.json declares, if it has one.
    """

    scans: int
    usual: dict[str, Usual]
    modality: str | None
    declared_modality: str | None = None


def collection_of(facts: Sequence[ScanFacts], declared_modality: str | None = None) -> Collection:
    """Returns what is usual in a collection.

    Args:
        facts: of its scans; those that cannot be read do not count.
        declared_modality: what its dataset.json declares.
    """
    read = [each for each in facts if each.refusal is None and not each.labels]
    modalities = Counter(each.modality for each in read)
    usual = {name: _usual([each for each in read if each.modality == name]) for name in modalities if name}
    name, count = modalities.most_common(1)[0] if modalities else (None, 0)
    most = name if count >= max(ENOUGH, MOST_OF_ALL * len(read)) else None
    known = {key: value for key, value in usual.items() if value.scans >= ENOUGH}
    return Collection(len(facts), known, most, declared_modality)


def far_from(
    values: Float64[np.ndarray, "3"], median: Float64[np.ndarray, "3"], spread: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "3"]:
    """Returns how many robust standard deviations lengths are from the usual ones, with their signs.

    Example:
        >>> far_from(np.array([6.0, 3.0, 3.0]), np.log([3.0, 3.0, 3.0]), np.full(3, 0.05)).round(1).tolist()
        [13.9, 0.0, 0.0]
    """
    away: Float64[np.ndarray, 3] = (np.log(values) - median) / spread
    return away


def is_rare(value: float, logs: Float64[np.ndarray, " scans"]) -> bool:
    """Returns whether hardly any scan has such a length: what several have is another protocol, not a fault.

    Example:
        >>> is_rare(6.0, np.log([3.0] * 9 + [6.0])), is_rare(5.0, np.log([3.0] * 6 + [5.0] * 4))
        (True, False)
    """
    alike = int(np.count_nonzero(np.abs(logs - np.log(value)) < LEAST_SPREAD))
    return alike <= max(1, RARE * len(logs))


def _oddest(
    lengths_mm: Float64[np.ndarray, "3"],
    median: Float64[np.ndarray, "3"],
    spread: Float64[np.ndarray, "3"],
    logs: Float64[np.ndarray, "scans 3"],
) -> OddLength:
    away = far_from(lengths_mm, median, spread)
    axis = int(np.abs(away).argmax())
    return OddLength(
        axis, float(away[axis]), float(np.exp(median[axis])), is_rare(float(lengths_mm[axis]), logs[:, axis])
    )


def _usual(facts: Sequence[ScanFacts]) -> Usual:
    spacing = np.log([each.spacing_mm for each in facts if each.spacing_mm is not None])
    body = np.log([each.body_mm for each in facts if each.body_mm is not None])
    return Usual(len(facts), *_robust(spacing), *_robust(body), spacing, body)


def _robust(logs: Float64[np.ndarray, "scans 3"]) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Returns median and robust standard deviation along each axis."""
    median = np.median(logs, axis=0)
    spread = 1.4826 * np.median(np.abs(logs - median), axis=0)
    return median, np.maximum(spread, LEAST_SPREAD)
