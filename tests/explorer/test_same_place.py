"""The same place in another scan."""

import numpy as np
import pytest

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.same_place import PlaceMaps, doubts, place_maps
from orienteer.locating.answers import FOUND, NOT_SURE, OUTSIDE, FoundPlace, Verdict


@pytest.fixture(scope="module")
def onto_itself(explorer: Explorer) -> PlaceMaps:
    return place_maps(explorer.first, explorer.first, explorer.loaded)


def test_a_place_of_a_scan_lies_where_it_is_in_the_same_scan(onto_itself: PlaceMaps, points_mm: list) -> None:
    for pair in (onto_itself.there, onto_itself.back):
        places = pair.places(np.array(points_mm))
        np.testing.assert_allclose([place.point_mm for place in places], points_mm, atol=0.1)
        assert [place.verdict for place in places] == [FOUND] * 3
        assert max(place.error_bar_mm for place in places) < 1


def test_a_place_far_above_a_scan_is_outside(onto_itself: PlaceMaps, explorer: Explorer) -> None:
    low, high = (np.array(corner) for corner in explorer.first.bounds_mm)
    (above,) = onto_itself.there.places(((low + high) / 2 + [0.0, 0.0, 2 * (high - low)[2]])[None])
    assert above.verdict == OUTSIDE
    assert doubts(above, above, 0.0) == ("the place is probably outside this scan",)


def place(verdict: Verdict, bar_mm: float = 20.0, outside: float = 0.0) -> FoundPlace:
    return FoundPlace("place 1", (0.0, 0.0, 0.0), bar_mm, verdict, outside, None, 1)


def test_doubts_compare_quantities_of_the_same_answer() -> None:
    back = place(FOUND, bar_mm=10.0)
    assert doubts(place(FOUND), back, 29.0) == ()
    assert "way back misses the point by more than both" in doubts(place(FOUND), back, 31.0)[0]
    assert doubts(place(NOT_SURE), back, 0.0) == ("the scans hardly agree under the map between them",)
    assert doubts(place(NOT_SURE, outside=0.5), back, 0.0) == ("the place may be outside this scan",)
    assert len(doubts(place(NOT_SURE), back, 31.0)) == 2
