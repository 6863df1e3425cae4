"""The heat map of one place: how similar every place of a scan is to it, by rank, with contours."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.stats import spearmanr
from torch import Tensor

from orienteer.explorer.answers import Heat
from orienteer.explorer.overlay import body_cells, filled, interpolated, overlay_grid
from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.types import TripleMm

AIR, LOWEST, HIGHEST, CONTOURS = 0, 1, 249, {0.05: 250, 0.01: 251}
"""Codes of an overlay's cells: air, the least and the most similar place of the body, and the contours around the most similar
5 and 1 % of the body."""

NEAREST = 0.05
"""Share of the body whose spread tells whether the model distinguishes places."""

ONE_REGION, FEW_PLACES = 0.4, 0.75
"""Of the distance of all places: the most similar 5 % that are nearer than the first are one region, and beyond the second
hardly nearer than any place of the body. A third and two thirds of the way from a point to chance, rounded; not tuned."""


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
    similarity = torch.einsum("wijk,w->ijk", features.parts, around).clamp(-1, 1).float().cpu()
    origin_mm, cell_mm = features.cell_grid(scan)
    cosine = np.where(features.covered, similarity.numpy(), np.float32("nan"))
    places = np.array(origin_mm) + np.argwhere(features.covered) * cell_mm
    alike_mm, all_mm = spread_mm(cosine[features.covered], places, point_mm)
    grid = overlay_grid(scan)
    fine = interpolated(filled(similarity[None], features.covered), origin_mm, cell_mm, grid)[0]
    return Heat(
        cosine=cosine,
        origin_mm=origin_mm,
        cell_mm=cell_mm,
        nearness=None if point_mm is None else _nearness(cosine, origin_mm, cell_mm, point_mm),
        source=features.source,
        grid=grid,
        codes=rank_codes(fine, body_cells(scan, features, grid)),
        alike_mm=alike_mm,
        all_mm=all_mm,
        distinct=distinct(alike_mm, all_mm),
    )


def rank_codes(
    cosine: Float32[np.ndarray, "grid0 grid1 grid2"], body: Bool[np.ndarray, "grid0 grid1 grid2"]
) -> UInt8[np.ndarray, "grid0 grid1 grid2"]:
    """Returns each place's rank among all places of the body as a code, with contours; see `CONTOURS`.

    By rank, half of the body is in the upper half of the colours whatever the cosines are.

    Example:
        >>> ramp = np.linspace(-1, 1, 1000, dtype=np.float32).reshape(1000, 1, 1)
        >>> codes = rank_codes(ramp, np.ones((1000, 1, 1), bool))[:, 0, 0]
        >>> int(codes[0]), int(codes[500]), np.flatnonzero(codes >= 250).tolist()
        (1, 125, [950, 990])
    """
    codes = np.full(cosine.shape, AIR, dtype=np.uint8)
    inside = cosine[body]
    if inside.size == 0:
        return codes
    shares = np.linspace(0, 1, 1001)
    levels = np.quantile(inside[:: max(1, inside.size // 200_000)], shares)
    rank = np.interp(inside, levels, shares)
    codes[body] = np.rint(LOWEST + rank * (HIGHEST - LOWEST)).astype(np.uint8)
    within = np.zeros(cosine.shape, bool)
    for nearest, code in CONTOURS.items():
        within[body] = rank >= 1 - nearest
        codes[_rim(within, body)] = code
    return codes


def spread_mm(
    cosine: Float32[np.ndarray, " places"], places_mm: Float[np.ndarray, "places 3"], point_mm: Sequence[float] | None
) -> tuple[float, float]:
    """Returns how far the most similar 5 % of the places lie from a point, and how far all places do; medians in mm.

    Args:
        cosine: similarity of each place.
        places_mm: where they are.
        point_mm: the point; None measures from the median of the similar places, and of all places.
    """
    nearest = places_mm[np.argsort(cosine)[-max(1, round(NEAREST * len(cosine))) :]]

    def away(places: Float[np.ndarray, "some 3"]) -> float:
        centre = np.median(places, axis=0) if point_mm is None else np.array(point_mm)
        return float(np.median(np.linalg.norm(places - centre, axis=1)))

    return away(nearest), away(places_mm)


def distinct(alike_mm: float, all_mm: float) -> str:
    """Returns whether the model distinguishes a place from others: ``one region``, ``several regions`` or ``few places``.

    Example:
        >>> distinct(20.0, 150.0), distinct(140.0, 150.0)
        ('one region', 'few places')
    """
    ratio = alike_mm / all_mm if all_mm > 0 else 1.0
    return "one region" if ratio <= ONE_REGION else "several regions" if ratio <= FEW_PLACES else "few places"


def _rim(
    within: Bool[np.ndarray, "grid0 grid1 grid2"], body: Bool[np.ndarray, "grid0 grid1 grid2"]
) -> Bool[np.ndarray, "grid0 grid1 grid2"]:
    """Returns the cells of a region beside one of the body that is not in it: no contour along the skin."""
    out = body & ~within
    beside = np.zeros(within.shape, bool)
    for axis in range(3):
        low = tuple(slice(None, -1) if other == axis else slice(None) for other in range(3))
        high = tuple(slice(1, None) if other == axis else slice(None) for other in range(3))
        beside[low] |= out[high]
        beside[high] |= out[low]
    return within & beside


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
