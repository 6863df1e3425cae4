"""Heat maps."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from orienteer.explorer.explorer import Explorer
from orienteer.geometry.boxes import box_averages, box_corners
from orienteer.geometry.frames import mm_to_voxel

Points = list[tuple[float, float, float]]


def test_heat_is_the_cosine_of_average_embeddings(explorer: Explorer, points_mm: Points) -> None:
    """Against one box average for each place, in place of the filter over all of them."""
    features, scan = explorer._features["first"], explorer.first
    heat = explorer.heat(points_mm[0])
    half = tuple(size / 2 for size in explorer.size_vox)

    def vector(point: np.ndarray) -> torch.Tensor:
        at = mm_to_voxel(torch.tensor(point, dtype=torch.float32), scan.spacing_mm, scan.origin_mm)
        low, high = box_corners(at[None, None], half)
        return box_averages(features.embedding[None], low, high, features.stride)[0, 0]

    wanted = vector(np.array(points_mm[0]))
    known = np.argwhere(np.isfinite(heat.cosine))
    assert len(known) > 100
    for cell in known[:: len(known) // 40]:
        there = vector(np.array(heat.origin_mm) + cell * heat.cell_mm)
        direct = torch.nn.functional.cosine_similarity(wanted, there, dim=0)
        assert heat.cosine[tuple(cell)] == pytest.approx(float(direct), abs=1e-4)


def test_heat_is_one_at_the_place_itself_and_correlated_with_nearness(explorer: Explorer) -> None:
    features, scan = explorer._features["first"], explorer.first
    origin_mm, cell_mm = features.cell_grid(scan)
    cell = np.argwhere(features.covered)[len(np.argwhere(features.covered)) // 2]
    point = np.array(origin_mm) + cell * cell_mm
    heat = explorer.heat(point.tolist())
    assert heat.source == "similarity"
    assert heat.cosine[tuple(cell)] == pytest.approx(1, abs=1e-4)
    known = np.isfinite(heat.cosine)
    away = np.linalg.norm(np.array(origin_mm) + np.argwhere(known) * cell_mm - point, axis=1)
    assert heat.nearness == pytest.approx(-spearmanr(heat.cosine[known], away).statistic)
    assert explorer.heat(point.tolist(), "second").nearness is None


def test_air_has_no_similarity(explorer: Explorer, points_mm: Points) -> None:
    scan = explorer.first
    heat = explorer.heat(points_mm[0])
    cell = np.argwhere(np.isnan(heat.cosine))[0]
    centre = ((np.array(heat.origin_mm) + cell * heat.cell_mm - scan.origin_mm) / scan.spacing_mm).astype(int)
    assert np.isnan(heat.cosine).any()
    assert scan.body.body[tuple(centre // scan.body.cell_vox)] < 0.25 * 255
