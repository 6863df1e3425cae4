"""The features of a scan as three colours: their first three principal components as red, green and blue."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from orienteer.explorer.overlay import OverlayGrid, body_cells, filled, interpolated, overlay_grid
from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.features.components import principal_components

SPREAD = (2, 98)
"""Percentiles of a component over the body of the first scan that become no colour and full colour."""

MOST_FITTED = 4000
"""Places that the components are computed from: more make the same colours, slower."""


@dataclass(frozen=True)
class FeatureColours:
    """Features in colour.

    Attributes:
        colours: red, green, blue and opacity of each cell; opacity is 0 in air.
        grid: where the cells are.
        shares: how much of the variance of the features over the first scan each of the three components has.
        source: the task whose embedding it is, or ``encoder``.
    """

    colours: UInt8[np.ndarray, "grid0 grid1 grid2 4"]
    grid: OverlayGrid
    shares: tuple[float, float, float]
    source: str


def feature_colours(scan: OpenScan, features: ScanFeatures, first: ScanFeatures) -> FeatureColours:
    """Returns the features of a scan as three principal components in colour.

    Components and scales are those of the first scan, so that the same colour means the same features in both.

    Args:
        scan: the scan.
        features: of that scan.
        first: of the first scan; the same object for that one.
    """
    inside, values = _rows(first)[first.covered.reshape(-1)], _rows(features)
    inside = inside[:: max(1, len(inside) // MOST_FITTED)]
    rows = np.concatenate([inside, values])
    places, shares = principal_components(rows, 3, np.arange(len(rows)) < len(inside))
    low, high = np.percentile(places[: len(inside)], SPREAD, axis=0)
    scaled = (places[len(inside) :] - low) / np.maximum(high - low, 1e-12)
    field = torch.from_numpy(scaled.T.reshape(3, *features.covered.shape))
    grid = overlay_grid(scan)
    # Interpolated before it is clipped: a cell beyond the scale still pulls the colour of its neighbours.
    fine = np.clip(interpolated(filled(field, features.covered), *features.cell_grid(scan), grid), 0, 1)
    colours = np.zeros((*grid.shape, 4), dtype=np.uint8)
    colours[..., :3] = np.moveaxis(np.rint(255 * fine), 0, -1)
    colours[..., 3] = 255 * body_cells(scan, features, grid)
    share0, share1, share2 = (float(share) for share in shares)
    return FeatureColours(colours, grid, (share0, share1, share2), features.source)


def _rows(features: ScanFeatures) -> Float[np.ndarray, "cells width"]:
    return np.asarray(features.embedding.double().cpu().flatten(1).T.numpy())
