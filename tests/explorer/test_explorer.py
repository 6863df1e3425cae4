"""The explorer's answers against predictions that are made directly."""

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.explorer.explorer import Explorer
from orienteer.explorer.same_place import PlaceMaps
from orienteer.explorer.session import NotReady
from orienteer.locating.answers import OUTSIDE, FoundPlace
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


def test_a_route_of_differences_has_no_closure_error(explorer: Explorer, points_mm: Points) -> None:
    assert explorer.gaps(points_mm).routes["gap"].closure_mm is None


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


def test_the_way_back_starts_where_the_way_there_ended(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.same_place(points_mm[0])
    low, high = explorer.scans["second"].bounds_mm
    assert (np.array(answer.place_mm) >= low).all()
    assert (np.array(answer.place_mm) <= high).all()
    swapped = Explorer(explorer.loaded, explorer.scans["second"], explorer.first)
    assert explorer._maps is not None
    swapped._maps = PlaceMaps(there=explorer._maps.back, back=explorer._maps.there)
    assert swapped.same_place(answer.place_mm).place_mm == pytest.approx(answer.way_back_mm)
    missed = np.linalg.norm(np.subtract(answer.way_back_mm, points_mm[0]))
    assert answer.way_back_miss_mm == pytest.approx(missed)
    assert (answer.expect_mm is None) == answer.outside
    assert 0 < answer.agreement < 1


def test_error_bars_are_those_of_the_run(explorer: Explorer, points_mm: Points) -> None:
    answer = explorer.gaps(points_mm)
    views = as_batch(explorer, [place.start_vox for place in answer.places])
    scales = explorer.loaded.scales_mm(explorer.loaded.predict(views))
    assert sorted(answer.bars_mm) == ["gap", "route"]
    for name, radii in answer.bars_mm.items():
        factor = explorer.bars[name].length_factor
        np.testing.assert_allclose(radii, scales[name][0].norm(dim=-1) * factor, rtol=1e-3)


def test_without_calibration_nothing_is_expected(explorer: Explorer, points_mm: Points) -> None:
    plain = Explorer(explorer.loaded, explorer.first, explorer.second)
    plain.bars, plain._features = {}, explorer._features
    assert plain.gaps(points_mm).bars_mm == {}


def test_of_a_place_outside_nothing_is_expected(
    explorer: Explorer, points_mm: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = explorer.scans["second"]
    above = FoundPlace("place 1", (0.0, 0.0, 1e4), 9.0, OUTSIDE, 1.0, None, 1)
    monkeypatch.setattr(explorer._maps.there, "places", lambda *_: [above])
    answer = explorer.same_place(points_mm[0])
    assert answer.outside
    assert answer.expect_mm is None
    assert answer.place_mm[2] == pytest.approx(second.bounds_mm[1][2])
    assert answer.unsure == ("the place is probably outside this scan",)


def test_before_the_features_are_there(loaded: LoadedRun, explorer: Explorer, points_mm: Points) -> None:
    new = Explorer(loaded, explorer.first)
    assert new.progress == {"first": 0.0}
    assert new.gaps(points_mm).true_mm.shape == (3, 3, 3)
    with pytest.raises(NotReady, match="features of the first scan are 0 % computed"):
        new.heat(points_mm[0])
    with pytest.raises(InputError, match="second scan: wanted one to compare with"):
        new.same_place(points_mm[0])
    both = Explorer(loaded, explorer.first, explorer.second)
    assert both.progress == {"first": 0.0, "second": 0.0, "maps": 0.0}
    with pytest.raises(NotReady, match="maps between the scans are still being computed"):
        both.same_place(points_mm[0])


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

    monkeypatch.setattr("orienteer.explorer.explorer.compute_features", fail)
    with pytest.raises(MemoryError, match="no room"):
        new.prepare(shown=False)
    assert new.failure is not None
    assert "MemoryError: no room" in new.failure
