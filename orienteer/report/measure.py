"""Measures a model on one scan over many view sets: metrics, errors in mm, closure, and every reading of its header."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.geometry.routes import all_routes, closed, route_sums, sample_routes
from orienteer.headers.evidence import HeaderEvidence
from orienteer.pretraining.evaluation import MetricSums
from orienteer.report.faults import Fault
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.readings import READINGS, fit_readings, in_chunks, pair_gaps
from orienteer.report.spread import measure_spread
from orienteer.report.whole_scan import WholeScan, cut, draw_sets, view_size
from orienteer.runs.loaded import LoadedRun
from orienteer.tensors import GapsMm
from orienteer.views.batch import ViewBatch

SMALLEST_CLOSURE_MM = 1e-3
"""Routes that close better than this close by construction, which is no evidence."""


def measure_scan(
    loaded: LoadedRun,
    scan: WholeScan,
    sets: int = 16,
    readings: Sequence[Fault] | None = None,
    header: HeaderEvidence | None = None,
) -> ScanMeasurement:
    """Returns what a model predicts on a scan and how far that is right; no labels are needed, only the scan's geometry.

    Args:
        loaded: the model.
        scan: prepared with the run's own settings.
        sets: view sets to draw; they depend only on the scan's key.
        readings: readings of the header to try besides the header as it is. By default all that a header may have; none for
            a run with a header reader, which judges headers without them.
        header: what the run's header reader sees in the scan, if that is known; else the scan is read, as it is and with every
            wrong voxel size.

    Raises:
        ScanError: with step ``fit``, the scan cannot hold the run's views.
    """
    if readings is None:
        readings = READINGS if loaded.reader is None else ()
    starts = draw_sets(scan, loaded.policy, sets)
    metrics = MetricSums()
    true, predicted, scales, errors, closures = [], _by_task(), _by_task(), [], []
    for views in in_chunks(cut(scan, starts, view_size(loaded))):
        predictions = loaded.predict(views)
        _add_metrics(metrics, loaded, views, predictions)
        gaps_mm = {name: gaps.cpu() for name, gaps in loaded.gaps_mm(predictions).items()}
        truth_mm = gap_matrix(views.centres_mm)
        true.append(pair_gaps(truth_mm))
        for name, gaps in gaps_mm.items():
            predicted[name].append(pair_gaps(gaps))
        for name, scale in loaded.scales_mm(predictions).items():
            scales[name].append(pair_gaps(scale.cpu()))
        if gaps_mm:
            errors.append(_set_errors(truth_mm, gaps_mm))
            closures.append(_set_closures(gaps_mm))
    if header is None and loaded.reader is not None:
        header = loaded.reader.read(scan.key, scan.voxels, scan.spacing_mm)
    true_mm = np.concatenate(true)
    predicted_mm = {name: np.concatenate(parts) for name, parts in predicted.items()}
    closure_mm = np.concatenate(closures) if closures else np.zeros(0)
    return ScanMeasurement(
        key=scan.key,
        name=scan.name,
        metrics=MetricSums.means(*metrics.sums()),
        true_mm=true_mm,
        predicted_mm=predicted_mm,
        set_errors_mm=np.concatenate(errors) if errors else np.zeros(0),
        set_closures_mm=closure_mm if closure_mm.size and closure_mm.max() > SMALLEST_CLOSURE_MM else None,
        fits=fit_readings(loaded, scan, starts, readings, true_mm, predicted_mm) if predicted_mm else {},
        scales_mm={name: np.concatenate(parts) for name, parts in scales.items()},
        spreads_mm=measure_spread(loaded, scan, starts, predicted_mm) if predicted_mm else {},
        header=header,
    )


def with_readings(
    loaded: LoadedRun, scan: WholeScan, measured: ScanMeasurement, readings: Sequence[Fault]
) -> ScanMeasurement:
    """Returns a measurement with the fits of more readings, on the same view sets.

    Args:
        loaded: the model.
        scan: that was measured.
        measured: what was measured on it.
        readings: the faults to undo.
    """
    missing = tuple(reading for reading in readings if reading not in measured.fits)
    if not measured.fits or not missing:
        return measured
    starts = draw_sets(scan, loaded.policy, len(measured.set_errors_mm))
    fits = fit_readings(loaded, scan, starts, missing, measured.true_mm, measured.predicted_mm)
    return replace(measured, fits={**fits, **measured.fits})


def _by_task() -> dict[str, list[np.ndarray]]:
    return defaultdict(list)


def _add_metrics(metrics: MetricSums, loaded: LoadedRun, views: ViewBatch, predictions: Mapping[str, object]) -> None:
    values: dict[str, Tensor] = {}
    on_device = views.to(loaded.device)
    for name, task in loaded.network.tasks_by_name.items():
        targets = task.targets(on_device)
        values.update(task.metrics(predictions[name], targets))
        for baseline, metrics_of in task.baselines(on_device, targets).items():
            values.update({f"{key}_{baseline}": value for key, value in metrics_of.items()})
    metrics.add(values, views.batch)


def _set_errors(truth_mm: GapsMm, gaps_mm: Mapping[str, GapsMm]) -> np.ndarray:
    i, j = pair_index(truth_mm.shape[1])
    i, j = torch.cat([i, j]), torch.cat([j, i])
    errors = [(gaps[:, i, j] - truth_mm[:, i, j]).norm(dim=-1).mean(dim=1) for gaps in gaps_mm.values()]
    return torch.stack(errors).mean(dim=0).double().numpy()


def _set_closures(gaps_mm: Mapping[str, GapsMm]) -> np.ndarray:
    """Returns the closure of the task whose routes close worst; routes that close by construction are no evidence."""
    views = next(iter(gaps_mm.values())).shape[1]
    routes = all_routes(views) if views <= 4 else sample_routes(views, 24, torch.Generator().manual_seed(0))
    sums = [route_sums(gaps, closed(routes)).norm(dim=-1).mean(dim=1) for gaps in gaps_mm.values()]
    return torch.stack(sums).amax(dim=0).double().numpy()
