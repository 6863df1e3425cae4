"""The same place in another scan, by the maps between the two scans by which `orienteer locate` finds places."""

from dataclasses import dataclass

import numpy as np

from orienteer.explorer.scan import OpenScan
from orienteer.features.pretrained import Pretrained
from orienteer.locating.answers import NOT_SURE, OUTSIDE, FoundPlace
from orienteer.locating.fields import ScanField
from orienteer.locating.heads import PlaceHeads, place_heads
from orienteer.locating.held import HeldScan, PairMap
from orienteer.locating.verdicts import FOUND_TO
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.normalise import to_values


@dataclass(frozen=True)
class PlaceMaps:
    """The maps between two scans, each found by itself, so that the way back can contradict the way there.

    Attributes:
        there: from the first scan to the second.
        back: from the second to the first.
    """

    there: PairMap
    back: PairMap


def place_maps(first: OpenScan, second: OpenScan, loaded: LoadedRun) -> PlaceMaps:
    """Returns the maps between two scans; it takes seconds, and each place by them milliseconds."""
    pretrained = Pretrained(loaded.network.encoder, {}, loaded.preparation)
    heads = place_heads(loaded)
    one, other = (_field(scan, pretrained, heads) for scan in (first, second))
    return PlaceMaps(PairMap.between(one, other), PairMap.between(other, one))


def doubts(there: FoundPlace, back: FoundPlace, miss_mm: float) -> tuple[str, ...]:
    """Returns the reasons to doubt a place, in words; empty if there are none.

    Args:
        there: the place in the second scan.
        back: the place in the first scan that corresponds to it.
        miss_mm: the distance of the latter from the place that was asked for.
    """
    if there.verdict == OUTSIDE:
        return ("the place is probably outside this scan",)
    reasons = []
    if there.verdict == NOT_SURE and there.outside > FOUND_TO:
        reasons.append("the place may be outside this scan")
    elif there.verdict == NOT_SURE:
        reasons.append("the scans hardly agree under the map between them")
    if miss_mm > there.error_bar_mm + back.error_bar_mm:
        reasons.append("the way back misses the point by more than both error bars together")
    return tuple(reasons)


def _field(scan: OpenScan, pretrained: Pretrained, heads: PlaceHeads | None) -> ScanField:
    voxels = np.asarray(to_values(scan.stored), np.float32)
    return HeldScan(voxels, scan.body, scan.spacing_mm, scan.origin_mm, scan.modality).field(pretrained, heads)
