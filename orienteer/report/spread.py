"""The spread of predictions over overlapping views: what changes when a view is moved by a part of itself.

The gap between two moved views differs from that between the original ones by the moves, which are known. What a prediction
changes beyond that is its error in one of the two, and needs no truth.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from orienteer.geometry.pairs import gap_matrix
from orienteer.report.measurement import Pairs
from orienteer.report.readings import in_chunks, pair_gaps
from orienteer.report.whole_scan import Starts, WholeScan, cut, view_size
from orienteer.runs.loaded import LoadedRun

MOVE = 0.25
"""Share of a view's size by which it is moved along each axis."""


def moved_views(starts: Starts, scan: WholeScan, size_vox: tuple[int, int, int]) -> Starts:
    """Returns the first voxels of views moved towards the middle of the scan, so that they stay inside it."""
    room = np.array(scan.shape_vox) - np.array(size_vox)
    towards = np.where(2 * starts <= room, 1, -1)
    step = np.minimum(np.maximum(1, np.round(MOVE * np.array(size_vox)).astype(int)), room)
    return np.asarray(np.clip(starts + towards * step, 0, room))


def measure_spread(
    loaded: LoadedRun, scan: WholeScan, starts: Starts, predicted_mm: Mapping[str, Pairs]
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Returns the spread of each gap for each task: length of its unexplained change, mm.

    Args:
        loaded: the model.
        scan: the scan.
        starts: its view sets.
        predicted_mm: gaps predicted on them, set after set.
    """
    views = cut(scan, moved_views(starts, scan, view_size(loaded)), view_size(loaded))
    known_mm = pair_gaps(gap_matrix(views.centres_mm)) - pair_gaps(
        gap_matrix(cut(scan, starts, view_size(loaded)).centres_mm)
    )
    moved: dict[str, list[np.ndarray]] = {}
    for part in in_chunks(views):
        for name, gaps in loaded.gaps_mm(loaded.predict(part, predicted_mm)).items():
            moved.setdefault(name, []).append(pair_gaps(gaps.cpu()))
    return {
        name: np.asarray(np.linalg.norm(np.concatenate(parts) - predicted_mm[name] - known_mm, axis=1))
        for name, parts in moved.items()
    }
