"""The same place in another scan."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.same_place import PlaceEstimate, Query, doubts, find_place, gaps_to_views, tasks_on_last_level
from orienteer.explorer.scan_features import grid_starts
from orienteer.explorer.view_geometry import half_view_mm
from orienteer.runs.loaded import LoadedRun
from orienteer.views.batch import ViewBatch


def query_at(explorer: Explorer, start: tuple[int, int, int]) -> Query:
    """A query for the centre of a view of the first scan."""
    scan, size_vox = explorer.first, explorer.size_vox
    point = scan.view_at(start, size_vox).centre_mm
    last_level = explorer.loaded.features(scan.images([start], size_vox)).levels[-1][0, 0]
    return Query(point, point, last_level, explorer._features["first"].around(point, scan, size_vox))


def test_gaps_to_views_are_those_of_pairs(explorer: Explorer) -> None:
    """The place and one view at a time, in place of sets of 32."""
    loaded, features = explorer.loaded, explorer._features["second"]
    query = query_at(explorer, (4, 4, 4))
    together = gaps_to_views(query, features, loaded, ["gap", "route"], {})[0]
    starts = grid_starts(explorer.scans["second"], loaded, features.stride)
    for number in (0, len(starts) - 1):
        images = torch.cat([
            explorer.first.images([(4, 4, 4)], explorer.size_vox),
            explorer.scans["second"].images([starts[number]], explorer.size_vox),
        ], dim=1)  # fmt: skip
        views = ViewBatch(images, torch.zeros(1, 2, 3), ("a",), explorer.first.spacing_mm)
        gaps = loaded.gaps_mm(loaded.predict(views))
        direct = torch.stack([value[0, 0, 1] for value in gaps.values()]).mean(dim=0)
        np.testing.assert_allclose(together[number], direct, atol=1e-3)


def test_the_same_place_is_exact_with_true_gaps(
    explorer: Explorer, loaded: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With true gaps, the estimates of all views agree."""
    features, scan = explorer._features["first"], explorer.first
    centre = scan.view_at((5, 6, 7), explorer.size_vox).centre_mm
    point = tuple(value + 3.0 for value in centre)
    query = Query(point, centre, features.coarsest[0], features.parts[:, 0, 0, 0])
    truth = features.centres_mm - np.array(centre)
    monkeypatch.setattr("orienteer.explorer.same_place.gaps_to_views", lambda *_: (truth, np.full(len(truth), 12.5)))
    estimate = find_place(query, scan, features, loaded, ["gap"], {})
    np.testing.assert_allclose(estimate.place_mm, point, atol=1e-6)
    assert not estimate.outside
    assert estimate.spread_mm == pytest.approx(0, abs=1e-6)
    assert estimate.expect_mm == 12.5
    monkeypatch.setattr("orienteer.explorer.same_place.gaps_to_views", lambda *_: (truth + 1000.0, None))
    away = find_place(query, scan, features, loaded, ["gap"], {})
    assert away.outside
    assert away.spread_mm == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(away.place_mm, scan.bounds_mm[0])


def test_without_a_gap_task_the_embedding_is_used(explorer: Explorer, loaded: LoadedRun) -> None:
    features, scan = explorer._features["first"], explorer.first
    origin_mm, cell_mm = features.cell_grid(scan)
    cell = np.argwhere(features.covered)[40]
    point = tuple(np.array(origin_mm) + cell * cell_mm)
    waves = positions(features.covered.shape)
    distinct = replace(features, parts=torch.nn.functional.normalize(waves, dim=0), embedding=waves)
    around = distinct.parts[(slice(None), *cell)]
    estimate = find_place(Query(point, point, features.coarsest[0], around), scan, distinct, loaded, [], {})
    assert np.linalg.norm(np.subtract(estimate.place_mm, point)) < 2.5 * max(cell_mm)


def positions(shape: tuple[int, int, int]) -> torch.Tensor:
    """An embedding in which near cells are similar: waves along each axis."""
    grid = torch.meshgrid(*(torch.arange(size) / max(shape) * 1.5 for size in shape), indexing="ij")
    return torch.cat([torch.stack([torch.cos(axis), torch.sin(axis)]) for axis in grid])


def test_which_tasks_need_the_last_level_only(loaded: LoadedRun) -> None:
    assert tasks_on_last_level(loaded) == ("gap", "route")


def test_doubts_compare_quantities_of_the_same_answer(explorer: Explorer) -> None:
    half = half_view_mm(explorer.loaded)

    def doubts_of(expect: float | None, spread: float, miss: float, outside: bool = False) -> tuple[str, ...]:
        there = PlaceEstimate((0.0, 0.0, 0.0), outside, spread, expect)
        return doubts(there, PlaceEstimate((0.0, 0.0, 0.0), False, 1.0, 10.0), miss, explorer.loaded)

    assert doubts_of(20.0, 5.0, 29.0) == ()
    assert "way back misses the point by more than both" in doubts_of(20.0, 5.0, 31.0)[0]
    assert "single estimates differ" in doubts_of(20.0, 21.0, 0.0)[0]
    assert "longer than half a view" in doubts_of(half + 1, 5.0, 0.0)[0]
    assert doubts_of(None, 5.0, 0.0) == ("this run has no error bars",)
    assert "outside this scan" in doubts_of(20.0, 5.0, 0.0, outside=True)[0]
