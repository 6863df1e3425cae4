"""Metrics with their names, units and baselines."""

import pytest

from orienteer.report.metrics import baseline_names, mean_metrics, readable, with_baselines


def test_baselines_belong_to_their_metric():
    a, b = with_baselines({"a_mm": 1.0, "a_mm_trivial": 2.0, "a_mm_histogram": 3.0, "b_mm": 4.0})
    assert (a.key, a.value, a.baselines) == ("a_mm", 1.0, {"trivial": 2.0, "histogram": 3.0})
    assert (b.key, b.baselines) == ("b_mm", {})
    assert baseline_names([a, b]) == ["trivial", "histogram"]


def test_baselines_have_the_unit_of_their_metric():
    (metric,) = with_baselines({"near_far_accuracy": 0.75, "near_far_accuracy_trivial": 0.5})
    assert (metric.value, metric.unit, metric.baselines) == (75.0, "%", {"trivial": 50.0})


def test_means_are_over_the_scans_that_have_the_metric():
    (metric,) = mean_metrics([{"a_mm": 1.0}, {"a_mm": 3.0}, {}])
    assert metric.value == 2.0
    assert mean_metrics([]) == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("gap_error_mm", ("gap error", 0.5, "mm")),
        ("data_wait_share", ("data wait share", 50.0, "%")),
        ("loss", ("loss", 0.5, "")),
    ],
)
def test_metrics_are_named_with_their_units(key, expected):
    assert readable(key, 0.5) == expected
