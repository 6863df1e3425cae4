"""Which part of the common frame of a collection each scan covers, in mm, from the shifts at which scans agree best."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg

from orienteer.screening.connected import connected
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
    ties = _ties(shifts)
    tied = Counter(name for pair in ties for name in pair)
    sets = connected(copies.names, ties)
    frame_of = {name: frame for frame, members in enumerate(sets) for name in members}
    of_frame: list[dict[Pair, Shift]] = [{} for _ in sets]
    for pair, shift in ties.items():
        of_frame[frame_of[pair[0]]][pair] = shift
    extents: dict[str, Extent] = {}
    for frame, (members, its) in enumerate(zip(sets, of_frame, strict=True), 1):
        places = _places(members, its)
        sizes = np.array([copies.path(name)[1].size_mm for name in members])
        begins = places - np.median(places + sizes / 2, axis=0)
        for name, begin, end in zip(members, begins, begins + sizes, strict=True):
            extents[name] = Extent(frame, _triple(begin), _triple(end), tied[name])
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


def _places(members: Sequence[str], ties: Mapping[Pair, Shift]) -> Float64[np.ndarray, "members 3"]:
    """Returns the place of the first voxel of each scan: the one that contradicts the shifts least, up to a common shift."""
    places = np.zeros((len(members), 3))
    if not ties:
        return places
    number = {name: at for at, name in enumerate(members)}
    ends = np.array([(number[first], number[second]) for first, second in ties])
    wanted = np.array([shift.shift_mm for shift in ties.values()])
    rows = np.arange(len(ties)).repeat(2)
    signs = np.tile([1.0, -1.0], len(ties))
    table = csr_array((signs, (rows, ends.reshape(-1))), shape=(len(ties), len(members)))
    weights = np.ones(len(ties))
    for _ in range(ROUNDS):  # sparse: a table of 10,000 scans and their ties would take gigabytes
        weighted = table.T @ diags_array(weights)
        normal, right = (weighted @ table).tocsr(), weighted @ wanted
        for axis in range(3):
            places[:, axis] = cg(normal, right[:, axis], x0=places[:, axis], rtol=1e-6)[0]
        off_mm = np.linalg.norm(table @ places - wanted, axis=1)
        weights = 1 / (1 + (off_mm / TOLERANCE_MM) ** 2)
    return places


def _triple(values: Float64[np.ndarray, "3"]) -> TripleMm:
    return float(values[0]), float(values[1]), float(values[2])
