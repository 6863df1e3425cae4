"""The heat map of one place: its similarity to every place of a scan."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from scipy.stats import spearmanr
from torch import Tensor

from orienteer.explorer.answers import Heat
from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.types import TripleMm


def heat_map(
    around: Float[Tensor, " width"], scan: OpenScan, features: ScanFeatures, point_mm: Sequence[float] | None
) -> Heat:
    """Returns the similarity of every place of a scan to one place.

    Args:
        around: unit vector of the embedding around the place.
        scan: the scan to compare with.
        features: of that scan.
        point_mm: the place, if it is in the same scan; else None.
    """
    cosine = torch.einsum("wijk,w->ijk", features.parts, around).clamp(-1, 1).float().cpu().numpy()
    origin_mm, cell_mm = features.cell_grid(scan)
    cosine = np.where(features.covered, cosine, np.float32("nan"))
    nearness = None if point_mm is None else _nearness(cosine, origin_mm, cell_mm, point_mm)
    return Heat(cosine, origin_mm, cell_mm, nearness, features.source)


def _nearness(
    cosine: Float32[np.ndarray, "cells0 cells1 cells2"],
    origin_mm: TripleMm,
    cell_mm: TripleMm,
    point_mm: Sequence[float],
) -> float:
    """Returns the rank correlation of similarity with nearness to the point."""
    known = np.isfinite(cosine)
    places = np.array(origin_mm) + np.argwhere(known) * cell_mm
    return float(spearmanr(cosine[known], -np.linalg.norm(places - point_mm, axis=1)).statistic)
