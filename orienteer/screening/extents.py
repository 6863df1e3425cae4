"""Which part of the common frame of a collection each scan covers, in mm, from the shifts at which scans agree best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from orienteer.screening.findings import Finding
from orienteer.screening.pairs import Pair
from orienteer.screening.shifts import Shift
from orienteer.screening.small_copies import SmallCopies
from orienteer.types import TripleMm

AGREED = 0.6
"""Scans whose detail agrees less at a coarse step are not of one part of the body, and share no frame."""

TIED = 8
"""Each scan is tied to so many others, those that it agrees with best."""

ROUNDS = 8
"""Times that places are solved for, with shifts that contradict the others counting less each time."""

TOLERANCE_MM = 15.0
"""A shift that is off by so much counts half."""

WRONG_LENGTHS = (
    "voxel_size",
    "anatomy_voxel_size",
    "units",
    "slices_missing",
    "slices_repeated",
    "spacing_contradiction",
)
"""Kinds of findings by which the distance of slices is not to be trusted."""


@dataclass(frozen=True)
class Extent:
    """The part of a frame that a scan covers.

    Attributes:
        frame: number of the frame, from 1; scans of different frames cannot be compared.
        begin_mm: low end along left-right, back-front, foot-head.
        end_mm: high end along the same axes.
        tied: how many other scans its place follows from.
    """

    frame: int
    begin_mm: TripleMm
    end_mm: TripleMm
    tied: int


def extents_of(copies: SmallCopies, shifts: Mapping[Pair, Shift]) -> dict[str, Extent]:
    """Returns the extent of each scan in the frame that it shares with others.

    The middle of a frame is the median of the middles of its scans. A scan that agrees with no other has a frame of its own.

    Args:
        copies: small copies of the scans.
        shifts: the best shift of each pair.
    """
    names = list(copies.names)
    ties = _ties(shifts)
    extents: dict[str, Extent] = {}
    for frame, members in enumerate(_connected(names, ties), 1):
        places = _places(members, {pair: shift for pair, shift in ties.items() if pair[0] in members})
        sizes = {name: np.array(copies.path(name)[1].voxels.shape) * copies.path(name)[1].step_mm for name in members}
        middle = np.median([places[name] + sizes[name] / 2 for name in members], axis=0)
        for name in members:
            begin = places[name] - middle
            tied = sum(name in pair for pair in ties)
            extents[name] = Extent(frame, _triple(begin), _triple(begin + sizes[name]), tied)
    return extents


def extents_json(extents: Mapping[str, Extent], findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns extents as JSON values, with the keys by which users of body-part regression know them."""
    wrong = {each.scan for each in findings if each.kind in WRONG_LENGTHS}
    turned = {each.scan: each for each in findings if each.kind == "orientation" and each.correction is not None}
    judged = {each.scan for each in findings if each.kind in ("orientation", "not_recognised")}
    scans = {}
    for name, extent in extents.items():
        correction = turned[name].correction if name in turned else None
        scans[name] = {
            "frame": extent.frame,
            "begin_mm": [round(value, 1) for value in extent.begin_mm],
            "end_mm": [round(value, 1) for value in extent.end_mm],
            "begin": round(extent.begin_mm[2], 1),
            "end": round(extent.end_mm[2], 1),
            "reverse z-ordering": int(correction.signs[2] < 0)
            if correction is not None
            else (0 if name not in judged else None),
            "valid z-spacing": int(name not in wrong),
            "tied_to": extent.tied,
        }
    axes = ["left-right", "back-front", "foot-head"]
    return {"axes": axes, "unit": "mm of the common frame, its middle at 0", "scans": scans}


def _ties(shifts: Mapping[Pair, Shift]) -> dict[Pair, Shift]:
    """Returns the shifts that places follow from: for each scan those of the scans that it agrees with best."""
    of_scan: dict[str, list[tuple[float, Pair]]] = {}
    for pair, shift in shifts.items():
        if shift.agreement >= AGREED:
            for name in pair:
                of_scan.setdefault(name, []).append((shift.agreement, pair))
    best = {pair for each in of_scan.values() for _, pair in sorted(each, reverse=True)[:TIED]}
    return {pair: shifts[pair] for pair in sorted(best)}


def _connected(names: Sequence[str], ties: Mapping[Pair, Shift]) -> list[list[str]]:
    """Returns the scans that are tied to each other, the largest set first."""
    group = {name: {name} for name in names}
    for first, second in ties:
        joined = group[first] | group[second]
        group |= dict.fromkeys(joined, joined)
    sets = {tuple(sorted(members)) for members in group.values()}
    return [list(members) for members in sorted(sets, key=lambda each: (-len(each), each))]


def _places(members: Sequence[str], ties: Mapping[Pair, Shift]) -> dict[str, Float64[np.ndarray, "3"]]:
    """Returns the place of the first voxel of each scan: the one that contradicts the shifts least."""
    number = {name: at for at, name in enumerate(members)}
    rows = np.zeros((len(ties) + 1, len(members)))
    wanted = np.zeros((len(ties) + 1, 3))
    rows[-1, 0] = 1.0  # the first lies at 0
    for at, ((first, second), shift) in enumerate(ties.items()):
        rows[at, number[first]], rows[at, number[second]] = 1.0, -1.0
        wanted[at] = shift.shift_mm
    weights = np.ones(len(rows))
    for _ in range(ROUNDS):
        root = np.sqrt(weights)[:, None]
        places = np.linalg.lstsq(rows * root, wanted * root, rcond=None)[0]
        off_mm = np.linalg.norm(rows @ places - wanted, axis=1)
        weights = 1 / (1 + (off_mm / TOLERANCE_MM) ** 2)
        weights[-1] = 1.0
    return {name: places[at] for name, at in number.items()}


def _triple(values: Float64[np.ndarray, "3"]) -> TripleMm:
    return float(values[0]), float(values[1]), float(values[2])
