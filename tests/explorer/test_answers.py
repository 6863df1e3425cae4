"""The explorer's answers against what the model says when it is asked directly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from orienteer.errors import InputError
from orienteer.explorer.answers import Explorer, NotReady
from orienteer.explorer.dense import grid_starts
from orienteer.explorer.same import Found, Query, find_place, gaps_to_views, tasks_from_coarsest
from orienteer.geometry.boxes import box_averages, box_corners
from orienteer.geometry.frames import mm_to_voxel
from orienteer.runs.loaded import LoadedRun
from orienteer.views.batch import ViewBatch

Points = list[tuple[float, float, float]]


def as_batch(explorer: Explorer, starts: list, which: str = "first") -> ViewBatch:
    scan = explorer.scans[which]
    centres = [scan.view_at(start, explorer.size_vox).centre_mm for start in starts]
    return ViewBatch(
        images=scan.images(starts, explorer.size_vox),
        centres_mm=torch.tensor([centres], dtype=torch.float32),
        scans=("a",),
        spacing_mm=scan.spacing_mm,
    )


def test_gaps_are_those_of_the_tasks_on_the_same_views(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.gaps(points_mm)
    views = as_batch(explorer, [place.start_vox for place in answer.places])
    direct = explorer.loaded.gaps_mm(explorer.loaded.predict(views))
    assert set(answer.predicted_mm) == set(direct) == {"gap", "route"}
    for task, gaps in direct.items():
        np.testing.assert_allclose(answer.predicted_mm[task], gaps[0].numpy(), atol=1e-3)


def test_true_gaps_lead_from_view_to_view(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.gaps(points_mm)
    first, second = np.array(answer.places[0].centre_mm), np.array(answer.places[1].centre_mm)
    np.testing.assert_allclose(answer.true_mm[0, 1], second - first)
    np.testing.assert_allclose(answer.true_mm, -answer.true_mm.transpose(1, 0, 2))


def test_a_point_asked_twice_gives_the_same_answer_from_memory(
    explorer: Explorer, points_mm: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = explorer.gaps(points_mm).predicted_mm["gap"]
    monkeypatch.setattr(type(explorer.loaded), "features", lambda *_: pytest.fail("encoded again"))
    np.testing.assert_array_equal(explorer.gaps(points_mm).predicted_mm["gap"], before)


def test_a_route_ends_where_its_steps_lead(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.gaps(points_mm)
    edges, route = answer.predicted_mm["route"], answer.routes["route"]
    end = np.array(answer.places[0].centre_mm) + edges[0, 1] + edges[1, 2]
    np.testing.assert_allclose(route.stops_mm[-1], end)
    assert route.end_miss_mm == pytest.approx(np.linalg.norm(end - answer.places[2].centre_mm))
    assert route.closure_mm == pytest.approx(np.linalg.norm(edges[0, 1] + edges[1, 2] + edges[2, 0]))
    assert route.closure_mm > 0.01


def test_a_route_of_differences_closes_and_says_that_this_is_no_news(explorer: Explorer, points_mm: Points) -> None:
    assert explorer.gaps(points_mm).routes["gap"].closure_mm is None


def test_views_stay_inside_and_say_where_they_are(explorer: Explorer) -> None:
    low, high = explorer.first.bounds_mm
    corner, inside = explorer.gaps([low, high]).places
    half = np.array(explorer.first.spacing_mm) / 2
    assert corner.start_vox == (0, 0, 0)
    np.testing.assert_allclose(corner.low_mm, np.array(low) - half)
    np.testing.assert_allclose(inside.high_mm, np.array(high) + half)
    assert corner.moved_mm == pytest.approx(np.linalg.norm((np.array(explorer.size_vox) - 1) / 2 * 2 * half))


@pytest.mark.parametrize("count", [0, 1, 13])
def test_too_few_and_too_many_points(explorer: Explorer, points_mm: Points, count: int) -> None:
    with pytest.raises(InputError, match=f"wanted 2 to 12, got {count}"):
        explorer.gaps((points_mm * 5)[:count])


@pytest.mark.parametrize("point", [(1e6, 0.0, 0.0), (float("nan"), 0.0, 0.0), (1.0, 2.0)])
def test_a_point_outside_is_refused(explorer: Explorer, points_mm: Points, point: tuple) -> None:
    with pytest.raises(InputError, match=r"point: wanted three numbers in mm from"):
        explorer.gaps([points_mm[0], point])
    with pytest.raises(InputError, match="point: wanted three numbers"):
        explorer.heat(point)


def test_heat_is_the_cosine_of_average_embeddings(explorer: Explorer, points_mm: Points) -> None:
    """Against one box average for each place, in place of the filter over all of them."""
    dense, scan = explorer._dense["first"], explorer.first
    heat = explorer.heat(points_mm[0])
    half = tuple(size / 2 for size in explorer.size_vox)

    def vector(point: np.ndarray) -> torch.Tensor:
        at = mm_to_voxel(torch.tensor(point, dtype=torch.float32), scan.spacing_mm, scan.origin_mm)
        low, high = box_corners(at[None, None], half)
        return box_averages(dense.embedding[None], low, high, dense.stride)[0, 0]

    wanted = vector(np.array(points_mm[0]))
    known = np.argwhere(np.isfinite(heat.cosine))
    assert len(known) > 100
    for cell in known[:: len(known) // 40]:
        there = vector(np.array(heat.origin_mm) + cell * heat.cell_mm)
        direct = torch.nn.functional.cosine_similarity(wanted, there, dim=0)
        assert heat.cosine[tuple(cell)] == pytest.approx(float(direct), abs=1e-4)


def test_heat_is_one_at_the_place_itself_and_says_how_it_follows_nearness(explorer: Explorer) -> None:
    dense, scan = explorer._dense["first"], explorer.first
    origin_mm, cell_mm = dense.cell_grid(scan)
    cell = np.argwhere(dense.covered)[len(np.argwhere(dense.covered)) // 2]
    point = np.array(origin_mm) + cell * cell_mm
    heat = explorer.heat(point.tolist())
    assert heat.source == "similarity"
    assert heat.cosine[tuple(cell)] == pytest.approx(1, abs=1e-4)
    known = np.isfinite(heat.cosine)
    away = np.linalg.norm(np.array(origin_mm) + np.argwhere(known) * cell_mm - point, axis=1)
    assert heat.nearness == pytest.approx(-spearmanr(heat.cosine[known], away).statistic)
    assert explorer.heat(point.tolist(), "second").nearness is None


def test_air_has_no_likeness(explorer: Explorer, points_mm: Points) -> None:
    scan = explorer.first
    heat = explorer.heat(points_mm[0])
    cell = np.argwhere(np.isnan(heat.cosine))[0]
    centre = ((np.array(heat.origin_mm) + cell * heat.cell_mm - scan.origin_mm) / scan.spacing_mm).astype(int)
    assert np.isnan(heat.cosine).any()
    assert scan.body.body[tuple(centre // scan.body.cell_vox)] < 0.25 * 255


def test_the_embedding_of_one_view_stands_where_only_that_view_saw(explorer: Explorer) -> None:
    """The first corner cell of the field is seen by the first view alone."""
    loaded, dense = explorer.loaded, explorer._dense["first"]
    starts = grid_starts(explorer.first, loaded, dense.stride)
    similarity = loaded.network.tasks["similarity"]
    first = min(starts, key=sum)
    features = loaded.features(explorer.first.images([first], explorer.size_vox))
    own = similarity(features).embedding[0, 0]  # type: ignore[operator]
    cell = tuple(at // step for at, step in zip(first, dense.stride, strict=True))
    np.testing.assert_allclose(dense.embedding[(slice(None), *cell)], own[:, 0, 0, 0], atol=1e-4)


def test_gaps_to_views_are_those_of_pairs(explorer: Explorer) -> None:
    """The place and one view at a time, in place of sets of 32."""
    loaded, dense = explorer.loaded, explorer._dense["second"]
    query = explorer._query("first", explorer.first.view_at((4, 4, 4), explorer.size_vox).centre_mm)
    together = gaps_to_views(query, dense, loaded, ["gap", "route"])
    starts = grid_starts(explorer.scans["second"], loaded, dense.stride)
    for number in (0, len(starts) - 1):
        images = torch.cat([
            explorer.first.images([(4, 4, 4)], explorer.size_vox),
            explorer.scans["second"].images([starts[number]], explorer.size_vox),
        ], dim=1)  # fmt: skip
        views = ViewBatch(images, torch.zeros(1, 2, 3), ("a",), explorer.first.spacing_mm)
        gaps = loaded.gaps_mm(loaded.predict(views))
        direct = torch.stack([value[0, 0, 1] for value in gaps.values()]).mean(dim=0)
        np.testing.assert_allclose(together[number], direct, atol=1e-3)


def test_the_same_place_is_found_by_a_model_that_knows_where_it_is(
    explorer: Explorer, loaded: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views that answer with the truth all point at the place, and their agreement is complete."""
    dense, scan = explorer._dense["first"], explorer.first
    centre = scan.view_at((5, 6, 7), explorer.size_vox).centre_mm
    point = tuple(value + 3.0 for value in centre)
    query = Query(point, centre, dense.coarsest[0], dense.parts[:, 0, 0, 0])
    truth = dense.centres_mm - np.array(centre)
    monkeypatch.setattr("orienteer.explorer.same.gaps_to_views", lambda *_: truth)
    found = find_place(query, scan, dense, loaded, ["gap"])
    np.testing.assert_allclose(found.place_mm, point, atol=1e-6)
    assert not found.outside
    assert found.spread_mm == pytest.approx(0, abs=1e-6)
    monkeypatch.setattr("orienteer.explorer.same.gaps_to_views", lambda *_: truth + 1000.0)
    away = find_place(query, scan, dense, loaded, ["gap"])
    assert away.outside
    assert away.spread_mm == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(away.place_mm, scan.bounds_mm[0])


def test_the_way_back_begins_where_the_way_there_ended(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.same_place(points_mm[0])
    low, high = explorer.scans["second"].bounds_mm
    assert (np.array(answer.place_mm) >= low).all()
    assert (np.array(answer.place_mm) <= high).all()
    swapped = Explorer(explorer.loaded, explorer.scans["second"], explorer.first)
    swapped._dense = {"first": explorer._dense["second"], "second": explorer._dense["first"]}
    np.testing.assert_allclose(swapped.same_place(answer.place_mm).place_mm, answer.way_back_mm, atol=30)
    missed = np.linalg.norm(np.subtract(answer.way_back_mm, answer.asked.centre_mm))
    assert answer.way_back_miss_mm == pytest.approx(missed)
    assert answer.source == "gap and route"
    half_view_mm = 16 * 8.0 / 2
    wanted = 0 if answer.outside else max(0, 1 - missed / half_view_mm)
    assert answer.confidence == pytest.approx(wanted)


def test_a_place_outside_has_no_confidence(
    explorer: Explorer, points_mm: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Found(place_mm=explorer.scans["second"].origin_mm, outside=True, spread_mm=1.0)
    monkeypatch.setattr("orienteer.explorer.answers.find_place", lambda *_: nowhere)
    answer = explorer.same_place(points_mm[0])
    assert answer.outside
    assert answer.confidence == 0


def test_without_a_gap_task_the_embedding_finds_the_place(explorer: Explorer, loaded: LoadedRun) -> None:
    dense, scan = explorer._dense["first"], explorer.first
    origin_mm, cell_mm = dense.cell_grid(scan)
    cell = np.argwhere(dense.covered)[40]
    point = tuple(np.array(origin_mm) + cell * cell_mm)
    waves = positions(dense.covered.shape)
    distinct = replace(dense, parts=torch.nn.functional.normalize(waves, dim=0), embedding=waves)
    around = distinct.parts[(slice(None), *cell)]
    found = find_place(Query(point, point, dense.coarsest[0], around), scan, distinct, loaded, [])
    assert np.linalg.norm(np.subtract(found.place_mm, point)) < 2.5 * max(cell_mm)


def positions(shape: tuple[int, int, int]) -> torch.Tensor:
    """An embedding in which near cells are alike: waves along each axis."""
    grid = torch.meshgrid(*(torch.arange(size) / max(shape) * 1.5 for size in shape), indexing="ij")
    return torch.cat([torch.stack([torch.cos(axis), torch.sin(axis)]) for axis in grid])


def test_which_tasks_need_the_coarsest_level_only(loaded: LoadedRun) -> None:
    assert tasks_from_coarsest(loaded) == ("gap", "route")


def test_before_the_features_are_there(loaded: LoadedRun, explorer: Explorer, points_mm: Points) -> None:
    new = Explorer(loaded, explorer.first)
    assert new.progress == {"first": 0.0}
    assert new.gaps(points_mm).true_mm.shape == (3, 3, 3)
    with pytest.raises(NotReady, match="features of the first scan are 0 % computed"):
        new.heat(points_mm[0])
    with pytest.raises(InputError, match="second scan: wanted one to compare with"):
        new.same_place(points_mm[0])


def test_progress_rises_to_one(loaded: LoadedRun, explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    new, seen = Explorer(loaded, explorer.first), []
    encode = type(loaded).features
    monkeypatch.setattr(type(loaded), "features", lambda *args: (seen.append(new.progress["first"]), encode(*args))[1])
    new.prepare(shown=False)
    assert seen == sorted(seen)
    assert seen[0] == 0 < seen[-1] < 1 == new.progress["first"]


def test_a_failure_is_kept_for_the_page(loaded: LoadedRun, explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Explorer(loaded, explorer.first)

    def fail(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("orienteer.explorer.answers.dense_features", fail)
    with pytest.raises(MemoryError, match="no room"):
        new.prepare(shown=False)
    assert new.failure is not None
    assert "MemoryError: no room" in new.failure
