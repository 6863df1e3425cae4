"""What a model makes of one scan, over many view sets: errors in mm, closure, and how every reading of its header fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.errors import ScanError
from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.geometry.routes import all_routes, closed, route_sums, sample_routes
from orienteer.pretraining.evaluation import MetricSums
from orienteer.report.spoil import FAULTS, Fault
from orienteer.report.whole_scan import Starts, WholeScan, cut, draw_sets, moved_starts, undone
from orienteer.runs.loaded import VIEWS_AT_ONCE, LoadedRun
from orienteer.types import GapsMm
from orienteer.views.batch import ViewBatch

SOUND = Fault()
"""No fault: the header is right."""

READINGS: tuple[Fault, ...] = (SOUND, *FAULTS, Fault(spacing_factor=0.5))
"""How the header of a scan may be read: it is right, or it has one of these faults."""

FIRST_SETS = 4
"""View sets under which every reading is tried. They are the same views under each reading wherever that can be."""

CONTENDER = 2.0
"""A reading whose misfit is beyond this times the least one is out after the first sets; the others get all sets."""

SMALLEST_CLOSURE_MM = 1e-3
"""Below this, closed routes close by construction and tell nothing."""

Pairs = Float[np.ndarray, "pairs 3"]


@dataclass(frozen=True)
class Fit:
    """How well predicted gaps fit a header under one reading, per task that predicts gaps.

    Attributes:
        missed: mean squares of predicted minus claimed gap per axis, mm2.
        claimed: mean squares of the claimed gaps per axis, mm2.
    """

    missed: Mapping[str, Float[np.ndarray, " 3"]]
    claimed: Mapping[str, Float[np.ndarray, " 3"]]


@dataclass(frozen=True)
class ScanFigures:
    """What was measured on one scan.

    Attributes:
        key: its key in the store.
        name: how a person knows it.
        figures: the tasks' own figures and their trivial rivals' (``..._trivial``), means over the view sets.
        true_mm: gaps by the header between the views of each set, from i to j, i and j in both orders.
        predicted_mm: the same gaps as each task that has any predicts them.
        set_errors_mm: mean length of the error vector in each view set, over tasks.
        set_closures_mm: mean length of the sums around closed routes in each view set; None where they close by
            construction or the run predicts no gaps.
        fits: how well each reading of the header fits; a reading under which the scan cannot hold views is missing.
    """

    key: str
    name: str
    figures: Mapping[str, float]
    true_mm: Pairs
    predicted_mm: Mapping[str, Pairs]
    set_errors_mm: Float[np.ndarray, " sets"]
    set_closures_mm: Float[np.ndarray, " sets"] | None
    fits: Mapping[Fault, Fit]

    @property
    def error_mm(self) -> float | None:
        """Mean length of the error vector of predicted gaps; None where the run predicts none."""
        return float(self.set_errors_mm.mean()) if len(self.set_errors_mm) else None

    @property
    def trivial_mm(self) -> float | None:
        """What the trivial rival misses by: it says that all gaps are zero."""
        return float(np.linalg.norm(self.true_mm, axis=1).mean()) if self.predicted_mm else None

    @property
    def closure_mm(self) -> float | None:
        """Mean length of the sums around closed routes."""
        return None if self.set_closures_mm is None else float(self.set_closures_mm.mean())


def measure_scan(
    loaded: LoadedRun, scan: WholeScan, sets: int = 16, readings: Sequence[Fault] = READINGS
) -> ScanFigures:
    """Returns what the model makes of a scan. No truth is needed beyond the scan's own geometry.

    Args:
        loaded: the model, and how it sees scans.
        scan: prepared with the run's own settings.
        sets: view sets to draw; they depend on the scan's key alone.
        readings: readings of the header to try besides the one that it is right.

    Raises:
        ScanError: with step ``fit``, when the scan cannot hold the run's views.
    """
    starts = draw_sets(scan, loaded.policy, sets)
    figures = MetricSums()
    true, predicted, errors, closures = [], dict[str, list[np.ndarray]](), [], []
    for views in _chunks(cut(scan, starts, _size(loaded))):
        predictions = loaded.predict(views)
        _add_figures(figures, loaded, views, predictions)
        gaps_mm = {name: gaps.cpu() for name, gaps in loaded.gaps_mm(predictions).items()}
        truth_mm = gap_matrix(views.centres_mm)
        true.append(_flat(truth_mm))
        for name, gaps in gaps_mm.items():
            predicted.setdefault(name, []).append(_flat(gaps))
        if gaps_mm:
            errors.append(_set_errors(truth_mm, gaps_mm))
            closures.append(_set_closures(gaps_mm))
    closure_mm = np.concatenate(closures) if closures else np.zeros(0)
    return ScanFigures(
        key=scan.key,
        name=scan.name,
        figures=MetricSums.means(*figures.sums()),
        true_mm=np.concatenate(true),
        predicted_mm={name: np.concatenate(parts) for name, parts in predicted.items()},
        set_errors_mm=np.concatenate(errors) if errors else np.zeros(0),
        set_closures_mm=closure_mm if closure_mm.size and closure_mm.max() > SMALLEST_CLOSURE_MM else None,
        fits=_fits(loaded, scan, starts, readings, true, predicted) if predicted else {},
    )


def fit_of(true_mm: Pairs, predicted_mm: Mapping[str, Pairs]) -> Fit:
    """Returns how well predicted gaps fit claimed ones."""
    return Fit(
        missed={name: ((gaps - true_mm) ** 2).mean(axis=0) for name, gaps in predicted_mm.items()},
        claimed={name: (true_mm**2).mean(axis=0) for name in predicted_mm},
    )


def standing(value: float, others: Sequence[float]) -> float:
    """Returns the share of ``others`` that lie below ``value``, ties counted half: 0.5 is the middle.

    Example:
        >>> standing(3.0, [1.0, 2.0, 3.0, 9.0])
        0.625
    """
    below = sum((other < value) + 0.5 * (other == value) for other in others)
    return below / len(others) if len(others) else float("nan")


def _fits(
    loaded: LoadedRun,
    scan: WholeScan,
    starts: Starts,
    readings: Sequence[Fault],
    true: Sequence[Pairs],
    predicted: Mapping[str, Sequence[Pairs]],
) -> dict[Fault, Fit]:
    """Tries every reading on a few sets, then those that are still possible on all sets."""
    true_mm = np.concatenate(true)
    predicted_mm = {name: np.concatenate(parts) for name, parts in predicted.items()}
    pairs = len(true_mm) // len(starts) * FIRST_SETS  # the gaps of one set lie together
    first = {SOUND: fit_of(true_mm[:pairs], {name: gaps[:pairs] for name, gaps in predicted_mm.items()})}
    first |= _all_fits(loaded, scan, starts[:FIRST_SETS], [reading for reading in readings if reading != SOUND])
    least = min(_plain_misfit(fit) for fit in first.values())
    left = [reading for reading, fit in first.items() if _plain_misfit(fit) <= CONTENDER * least and reading != SOUND]
    if len(starts) <= FIRST_SETS or not left:
        return first
    return first | {SOUND: fit_of(true_mm, predicted_mm)} | _all_fits(loaded, scan, starts, left)


def _all_fits(loaded: LoadedRun, scan: WholeScan, starts: Starts, readings: Sequence[Fault]) -> dict[Fault, Fit]:
    fits = {}
    for reading in readings:
        try:
            fits[reading] = _fit(loaded, _as_read(loaded, scan, starts, reading))
        except ScanError:
            continue  # the scan would be smaller than a view: nothing to be said for or against this reading
    return fits


def _plain_misfit(fit: Fit) -> float:
    """Returns the error as a share of the gaps' length, every axis alike: enough to see what is out of question."""
    claimed = {name: np.maximum(squares, 1e-9) for name, squares in fit.claimed.items()}
    return float(np.mean([np.sqrt(fit.missed[name] / claimed[name]).mean() for name in fit.missed]))


def _as_read(loaded: LoadedRun, scan: WholeScan, starts: Starts, reading: Fault) -> ViewBatch:
    mended = undone(scan, reading)
    moved = moved_starts(starts, scan, reading, _size(loaded))
    if moved is None:
        moved = draw_sets(mended, loaded.policy, len(starts))
    return cut(mended, moved, _size(loaded))


def _fit(loaded: LoadedRun, views: ViewBatch) -> Fit:
    true, predicted = [], dict[str, list[np.ndarray]]()
    for part in _chunks(views):
        true.append(_flat(gap_matrix(part.centres_mm)))
        for name, gaps_mm in loaded.gaps_mm(loaded.predict(part)).items():
            predicted.setdefault(name, []).append(_flat(gaps_mm.cpu()))
    return fit_of(np.concatenate(true), {name: np.concatenate(parts) for name, parts in predicted.items()})


def _chunks(views: ViewBatch) -> list[ViewBatch]:
    """Returns the sets a few at a time, so that the feature maps of many views never lie in memory together."""
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


def _add_figures(figures: MetricSums, loaded: LoadedRun, views: ViewBatch, predictions: Mapping[str, object]) -> None:
    found: dict[str, Tensor] = {}
    on_device = views.to(loaded.device)
    for name, task in loaded.network.tasks.items():
        targets = task.targets(on_device)  # type: ignore[operator]
        found.update(task.metrics(predictions[name], targets))  # type: ignore[operator]
        for rival, values in task.rivals(on_device, targets).items():  # type: ignore[operator]
            found.update({f"{key}_{rival}": value for key, value in values.items()})
    figures.add(found, views.batch)


def _set_errors(truth_mm: GapsMm, gaps_mm: Mapping[str, GapsMm]) -> np.ndarray:
    i, j = pair_index(truth_mm.shape[1])
    i, j = torch.cat([i, j]), torch.cat([j, i])
    errors = [(gaps[:, i, j] - truth_mm[:, i, j]).norm(dim=-1).mean(dim=1) for gaps in gaps_mm.values()]
    return torch.stack(errors).mean(dim=0).double().numpy()


def _set_closures(gaps_mm: Mapping[str, GapsMm]) -> np.ndarray:
    """Returns the closure of the task whose routes close worst: those that close by construction say nothing."""
    views = next(iter(gaps_mm.values())).shape[1]
    routes = all_routes(views) if views <= 4 else sample_routes(views, 24, torch.Generator().manual_seed(0))
    sums = [route_sums(gaps, closed(routes)).norm(dim=-1).mean(dim=1) for gaps in gaps_mm.values()]
    return torch.stack(sums).amax(dim=0).double().numpy()


def _flat(gaps_mm: GapsMm) -> Pairs:
    i, j = pair_index(gaps_mm.shape[1])
    both = torch.cat([gaps_mm[:, i, j], gaps_mm[:, j, i]], dim=1)
    return both.reshape(-1, 3).double().numpy()


def _size(loaded: LoadedRun) -> tuple[int, int, int]:
    assert loaded.config.view_size is not None
    return loaded.config.view_size
