"""What a run that knows orientations sees in a scan: how likely each orientation is, and how long its voxels look."""

import hashlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from orienteer.geometry.orientations import MIRRORINGS, ORIENTATIONS, orientation_products
from orienteer.report.measurement import MisreadEvidence
from orienteer.report.whole_scan import WholeScan
from orienteer.runs.loaded import LoadedRun
from orienteer.runs.network import misread_policy
from orienteer.tasks.base import Features
from orienteer.tensors import Images
from orienteer.types import TripleMm
from orienteer.views.misread_cut import coarse_scan, cut_misread

ROUNDS = 2
"""Times that a scan is looked at in each of the 48 orientations."""

ZOOMED = 0.5
"""In every second look the voxel size is changed, by up to this (log) along each axis, to see how the model responds."""


@torch.no_grad()
def misread_evidence(loaded: LoadedRun, scan: WholeScan) -> MisreadEvidence | None:
    """Returns what a run sees in a scan; None if it has no task that knows orientations.

    The scan is turned into each of the 48 orientations before the model is asked, and its answers are turned back. Evidence
    for a fault is therefore exactly what it would be for the sound scan, one place further in the group: no orientation
    is favoured, and faults need not be simulated to know how they would look.
    """
    policy = misread_policy(loaded.config)
    if policy is None:
        return None
    coarse = coarse_scan(scan.voxels, scan.spacing_mm, policy)
    digest = hashlib.sha256(f"{scan.key}/misread".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    likely, given, seen = np.zeros(len(ORIENTATIONS)), [], []
    for looks in range(ROUNDS):
        zoom = rng.uniform(-ZOOMED, ZOOMED, (len(ORIENTATIONS), 3)) * (looks % 2)
        places = rng.uniform(-0.5, 0.5, (len(ORIENTATIONS), 3))
        cut = [
            cut_misread(coarse, policy, turn, np.exp(logs), place)
            for turn, logs, place in zip(ORIENTATIONS, zoom, places, strict=True)
        ]
        prediction = _prediction(loaded, torch.from_numpy(np.stack(cut))[None, :, None])
        if prediction is None:
            return None
        likely += _turned_back(prediction) / ROUNDS
        given.append(_as_stated(zoom))
        seen.append(_as_stated(prediction.log_factor[0].double().cpu().numpy()))
    return MisreadEvidence(likely, np.concatenate(given), np.concatenate(seen))


def _prediction(loaded: LoadedRun, images: Images) -> Any:
    """Returns the prediction of the first task that knows orientations; None if none does."""
    predictions = (task(Features((images.to(loaded.device),))) for task in loaded.network.misread_tasks.values())
    return next((each for each in predictions if hasattr(each, "orientation_scores")), None)


def _turned_back(prediction: Any) -> Float[np.ndarray, "48"]:
    """Returns the mean log-probability of each orientation of the scan, from views of it in each orientation.

    Each orientation is judged by the looks in which a scan of that orientation would at most be mirrored: those the model
    knows best.
    """
    logs: np.ndarray = prediction.orientation_scores[0].double().log_softmax(-1).cpu().numpy()
    table = orientation_products()  # table[g, k]: how a scan of orientation k appears after turn g
    each = logs[np.arange(len(table))[:, None], table]
    mean: np.ndarray = each.mean(0, where=table < MIRRORINGS)
    return mean


def _as_stated(logs: Float[np.ndarray, "48 3"]) -> Float[np.ndarray, "48 3"]:
    """Returns numbers along the axes of turned views as numbers along the axes that the header states."""
    rows: list[TripleMm] = []
    for turn, (first, second, third) in zip(ORIENTATIONS, logs.tolist(), strict=True):
        rows.append(turn.inverse.of_lengths((first, second, third)))
    return np.array(rows)
