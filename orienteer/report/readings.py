"""Readings of a scan's header: as it is, or with one fault undone, and how well the model's gaps fit each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from orienteer.errors import ScanError
from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.report.faults import COMMON_FAULTS, SOUND, Fault
from orienteer.report.measurement import Fit, Pairs
from orienteer.report.undo_fault import moved_starts, undo_fault
from orienteer.report.whole_scan import Starts, WholeScan, cut, draw_sets, view_size
from orienteer.runs.loaded import VIEWS_AT_ONCE, LoadedRun
from orienteer.tensors import GapsMm
from orienteer.views.batch import ViewBatch

READINGS: tuple[Fault, ...] = (
    SOUND,
    *COMMON_FAULTS,
    Fault(spacing_factor=0.5),
    Fault(spacing_factor=(1.0, 1.0, 0.6)),
    Fault(spacing_factor=(1.0, 1.0, 1.67)),
)
"""How a header may be read: it is right, or it has one of these faults."""

FIRST_SETS = 4
"""View sets on which every reading is tried, the same views under each reading where possible."""

CONTENDER = 2.0
"""A reading whose misfit exceeds this times the lowest one is dropped after the first sets; the others get all sets."""


def fit_readings(
    loaded: LoadedRun,
    scan: WholeScan,
    starts: Starts,
    readings: Sequence[Fault],
    true_mm: Pairs,
    predicted_mm: Mapping[str, Pairs],
) -> dict[Fault, Fit]:
    """Returns how well each reading fits; all are tried on a few view sets, the possible ones on all sets.

    Args:
        loaded: the model.
        scan: the scan as its header states it.
        starts: its view sets.
        readings: the readings to try besides the header as it is.
        true_mm: gaps by the header as it is, set after set.
        predicted_mm: the same gaps as predicted.
    """
    if not readings:
        return {SOUND: fit_of(true_mm, predicted_mm)}
    pairs, tasks = len(true_mm) // len(starts) * FIRST_SETS, tuple(predicted_mm)  # the gaps of one set are consecutive
    first = {SOUND: fit_of(true_mm[:pairs], {name: gaps[:pairs] for name, gaps in predicted_mm.items()})}
    first |= _fits(loaded, scan, starts[:FIRST_SETS], [reading for reading in readings if reading != SOUND], tasks)
    lowest = min(_plain_misfit(fit) for fit in first.values())
    possible = [r for r, fit in first.items() if _plain_misfit(fit) <= CONTENDER * lowest and r != SOUND]
    if len(starts) <= FIRST_SETS or not possible:
        return first
    others = _fits(loaded, scan, starts, possible, tasks, known=FIRST_SETS)
    share = FIRST_SETS / len(starts)
    all_sets = {reading: _joined(first[reading], others[reading], share) for reading in others}
    return first | {SOUND: fit_of(true_mm, predicted_mm)} | all_sets


def fit_of(true_mm: Pairs, predicted_mm: Mapping[str, Pairs]) -> Fit:
    """Returns how well predicted gaps fit stated ones."""
    return Fit(
        missed={name: ((gaps - true_mm) ** 2).mean(axis=0) for name, gaps in predicted_mm.items()},
        stated={name: (true_mm**2).mean(axis=0) for name in predicted_mm},
    )


def in_chunks(views: ViewBatch) -> list[ViewBatch]:
    """Returns the view sets a few at a time, so that the feature maps of many views are never in memory together."""
    sets = max(1, VIEWS_AT_ONCE // views.views)
    return [
        replace(
            views,
            images=views.images[first : first + sets],
            centres_mm=views.centres_mm[first : first + sets],
            scans=views.scans[first : first + sets],
        )
        for first in range(0, views.batch, sets)
    ]


def pair_gaps(gaps_mm: GapsMm) -> Pairs:
    """Returns the gaps of all pairs of views, set after set: from i to j for i < j, then from j to i."""
    i, j = pair_index(gaps_mm.shape[1])
    both = np.concatenate([gaps_mm[:, i, j].double().numpy(), gaps_mm[:, j, i].double().numpy()], axis=1)
    return both.reshape(-1, 3)


def _fits(
    loaded: LoadedRun,
    scan: WholeScan,
    starts: Starts,
    readings: Sequence[Fault],
    tasks: Sequence[str],
    known: int = 0,
) -> dict[Fault, Fit]:
    """Returns how well readings fit on all view sets but the first ``known``."""
    fits = {}
    for reading in readings:
        try:
            fits[reading] = _fit(loaded, _views_as_read(loaded, scan, starts, reading, known), tasks)
        except ScanError:
            continue  # read so, the scan is smaller than a view: there is no evidence for or against this reading
    return fits


def _fit(loaded: LoadedRun, views: ViewBatch, tasks: Sequence[str]) -> Fit:
    true, predicted = [], dict[str, list[np.ndarray]]()
    for part in in_chunks(views):
        true.append(pair_gaps(gap_matrix(part.centres_mm)))
        for name, gaps_mm in loaded.gaps_mm(loaded.predict(part, tasks)).items():
            predicted.setdefault(name, []).append(pair_gaps(gaps_mm.cpu()))
    return fit_of(np.concatenate(true), {name: np.concatenate(parts) for name, parts in predicted.items()})


def _views_as_read(loaded: LoadedRun, scan: WholeScan, starts: Starts, reading: Fault, known: int) -> ViewBatch:
    corrected = undo_fault(scan, reading)
    size_vox = view_size(loaded)
    moved = moved_starts(starts, scan, reading, size_vox)
    if moved is None:
        moved = draw_sets(corrected, loaded.policy, len(starts))
    return cut(corrected, moved[known:], size_vox)


def _joined(first: Fit, others: Fit, share: float) -> Fit:
    """Returns the fit on all view sets from those on the first ones, which are a share of them, and on the others."""

    def mean(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: share * squares + (1 - share) * other[name] for name, squares in one.items()}

    return Fit(mean(first.missed, others.missed), mean(first.stated, others.stated))


def _plain_misfit(fit: Fit) -> float:
    """Returns the error as a share of the gaps' length, all axes alike: enough to drop impossible readings."""
    stated = {name: np.maximum(squares, 1e-9) for name, squares in fit.stated.items()}
    return float(np.mean([np.sqrt(fit.missed[name] / stated[name]).mean() for name in fit.missed]))
