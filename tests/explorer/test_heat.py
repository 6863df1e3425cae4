"""Heat maps."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.heat import distinct, rank_codes, spread_mm
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


def test_colours_are_ranks_with_contours_around_the_most_similar(explorer: Explorer, points_mm: Points) -> None:
    heat = explorer.heat(points_mm[0])
    body = heat.codes > 0
    ramp = heat.codes[body & (heat.codes <= 249)].astype(float)
    assert abs(np.median(ramp) - 125) < 12  # by rank: half of the body is in the lower half of the colours
    rank = (heat.codes.astype(float) - 1) / 248
    within = {
        0.05: (heat.codes == 250) | (rank >= 0.95),
        0.01: (heat.codes == 251) | ((rank >= 0.99) & (heat.codes < 250)),
    }
    for share, region in within.items():
        assert region[body].mean() == pytest.approx(share, rel=0.5)
    assert (heat.codes == 250).any()
    assert (heat.codes == 251).any()


def test_contours_are_between_places_of_the_body_only() -> None:
    cosine = np.linspace(-1, 1, 400, dtype=np.float32).reshape(400, 1, 1)
    body = np.ones((400, 1, 1), bool)
    codes = rank_codes(cosine, body)[:, 0, 0]
    assert np.flatnonzero(codes >= 250).tolist() == [380, 396]
    body[380] = False  # air beside the most similar: no line along the skin
    assert 250 not in rank_codes(cosine, body)[381, 0, 0:1]


def test_spread_against_chance_says_whether_places_are_distinguished() -> None:
    places = np.stack(np.meshgrid(*[np.arange(0.0, 200, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    point = (100.0, 100.0, 100.0)
    near = -np.linalg.norm(places - point, axis=1).astype(np.float32)
    alike, every = spread_mm(near, places, point)
    assert alike < 0.4 * every
    assert distinct(alike, every) == "one region"
    shuffled = np.random.default_rng(0).permutation(near)
    assert distinct(*spread_mm(shuffled, places, point)) == "few places"
    assert distinct(*spread_mm(shuffled, places, None)) == "few places"
    assert distinct(*spread_mm(near, places, None)) == "one region"


def test_the_answer_says_how_it_compares_with_chance(explorer: Explorer, points_mm: Points) -> None:
    for which in ("first", "second"):
        heat = explorer.heat(points_mm[0], which)  # type: ignore[arg-type]
        assert heat.alike_mm > 0
        assert heat.distinct == distinct(heat.alike_mm, heat.all_mm)
