"""The error bars of a finished run, calibrated on its held-out scans."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader

from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.progress import Counted, tracked
from orienteer.runs.error_bars import ErrorBars, ScanErrors, calibrate_bars
from orienteer.runs.network import Network
from orienteer.runs.run_config import RunConfig
from orienteer.store.store import Store
from orienteer.tasks.scales import ScaleHead
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import ValidationViews
from orienteer.views.loader import collate

MOST_SCANS = 60
"""Held-out scans that are used at most; more would hardly change the factors."""


def heldout_views(store: Store, keys: Sequence[str], config: RunConfig) -> Counted[ViewBatch]:
    """Returns view sets of held-out scans as they are: nothing is hidden from the model when it is used."""
    views = ValidationViews(store, keys[:MOST_SCANS], config.view_policy, config.validation_sets)
    return DataLoader(views, batch_size=config.batch, collate_fn=collate)


def has_error_bars(network: Network) -> bool:
    """Returns whether a task predicts the scales of its gaps between views as they are."""
    return any(isinstance(part, ScaleHead) for part in network.tasks.modules())


@torch.no_grad()
def error_bars(network: Network, batches: Counted[ViewBatch], unit_mm: float) -> dict[str, ErrorBars]:
    """Returns the calibrated error bars of each task that predicts the scales of its gaps.

    Args:
        network: is set to eval mode.
        batches: views of scans that it was not trained on.
        unit_mm: length that corresponds to 1 in predictions.
    """
    network.eval()
    device = next(network.parameters()).device
    measured: dict[str, dict[str, list[ScanErrors]]] = {}
    for batch in tracked(batches, "calibrating error bars", "batches"):
        views = batch.to(device)
        for name, errors in _errors(network, views, unit_mm).items():
            for scan, each in zip(views.scans, errors, strict=True):
                measured.setdefault(name, {}).setdefault(scan, []).append(each)
    return {name: calibrate_bars([_joined(sets) for sets in scans.values()]) for name, scans in measured.items()}


def _errors(network: Network, views: ViewBatch, unit_mm: float) -> dict[str, list[ScanErrors]]:
    """Returns the errors of the gaps i < j of each view set, by task."""
    features = network.features(views.images)
    truth_mm = gap_matrix(views.centres_mm.float())
    i, j = pair_index(views.views, truth_mm.device)
    errors = {}
    for name, task in network.tasks_by_name.items():
        gaps = task.predicted_gaps(task(features))
        if gaps is not None and gaps.scales is not None:
            missed_mm = (gaps.gaps.float() * unit_mm - truth_mm)[:, i, j].double().cpu().numpy()
            scales_mm = (gaps.scales.float() * unit_mm)[:, i, j].double().cpu().numpy()
            errors[name] = [ScanErrors(*each) for each in zip(missed_mm, scales_mm, strict=True)]
    return errors


def _joined(sets: Sequence[ScanErrors]) -> ScanErrors:
    parts = [(each.errors_mm, each.scales_mm) for each in sets]
    errors_mm, scales_mm = (np.concatenate(each) for each in zip(*parts, strict=True))
    return ScanErrors(errors_mm, scales_mm)
