"""Intervals over seeds and scans: they hold the mean, widen with the spread, and are not made up."""

import numpy as np
import pytest

from benchmarks.space_intervals import ranges, ratio_interval


def rows(spread: float) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {"by_scan": {"error_mm": (20 + spread * rng.normal(size=12)).tolist(), "trivial_mm": [100.0] * 12}}
        for _ in range(3)
    ]


def test_the_interval_holds_the_mean_and_widens_with_the_spread_of_scans():
    narrow, wide = ratio_interval(rows(1.0)), ratio_interval(rows(10.0))
    assert narrow[0] < 0.2 < narrow[1]
    assert wide[1] - wide[0] > 5 * (narrow[1] - narrow[0])


def test_equal_scans_of_unlike_seeds_give_the_range_of_the_seeds():
    unlike = [{"by_scan": {"error_mm": [error], "trivial_mm": [100.0]}} for error in (10.0, 20.0)]
    assert ratio_interval(unlike) == pytest.approx([0.1, 0.2])


def test_a_seed_without_gaps_has_no_interval():
    assert ratio_interval([{"by_scan": {"error_mm": [], "trivial_mm": []}}]) is None
    assert ratio_interval([]) is None


def test_ranges_are_those_of_the_seeds():
    assert ranges([{"a": 1.0}, {"a": 3.0}, {"a": 2.0}], ["a", "b"]) == {"a": [1.0, 3.0], "b": None}
    assert ranges([], ["a"]) == {"a": None}
