"""How a model compares with its baselines over several scans."""

import math

import pytest
from scipy.stats import binom

from orienteer.report.compared import compare, compare_metrics


def test_the_strongest_baseline_counts_and_the_direction_follows_the_key():
    accuracy = compare("place_accuracy", [0.87] * 12, {"trivial": [0.02] * 12, "raw": [0.965] * 12})
    assert (accuracy.strongest, accuracy.wins, accuracy.grade) == ("raw", 0, "worse")
    assert (accuracy.model.median, accuracy.baseline.median, accuracy.unit) == (87, pytest.approx(96.5), "%")
    rank = compare("cosine_rank", [-0.9] * 12, {"trivial": [-0.2] * 12})
    assert (rank.wins, rank.grade) == (12, "clear")
    assert rank.ratio == pytest.approx(0.1 / 0.8)


@pytest.mark.parametrize("scans", range(1, 20))
def test_few_scans_decide_nothing_and_more_do_as_a_binomial_test_says(scans):
    """With n of n wins, the 95 % interval of the share excludes a half once a fair coin gives n heads in fewer than 2.5 %."""
    graded = compare("gap_error_mm", [10.0] * scans, {"trivial": [100.0] * scans})
    assert (graded.grade == "clear") == (binom.pmf(scans, scans, 0.5) < 0.025)
    assert graded.grade in ("clear", "open")


@pytest.mark.parametrize(("error", "grade"), [(30.0, "clear"), (60.0, "better"), (95.0, "hardly"), (105.0, "worse")])
def test_how_much_better_is_graded(error, grade):
    assert compare("gap_error_mm", [error] * 10, {"trivial": [100.0] * 10}).grade == grade


def test_half_won_half_lost_and_ties_are_undecided():
    assert compare("gap_error_mm", [50.0, 150.0] * 8, {"trivial": [100.0] * 16}).grade == "open"
    tie = compare("near_far_accuracy", [1.0] * 16, {"trivial": [1.0] * 16})
    assert (tie.wins, tie.grade, tie.ratio) == (8, "open", None)


def test_medians_and_ranges_are_over_the_scans_that_have_the_metric():
    scans = [{"a_mm": 1.0, "a_mm_trivial": 5.0}, {"a_mm": 9.0, "a_mm_trivial": 5.0}, {}, {"a_mm": 2.0}, {"b": 1.0}]
    a, b = compare_metrics(scans)
    assert (a.model.median, a.model.least, a.model.most, a.model.count) == (2, 1, 9, 3)
    assert (a.scans, a.wins) == (2, 1)
    assert (b.strongest, b.grade, b.in_words, b.baseline) == (None, None, "", None)


def test_a_metric_that_no_scan_has_is_no_number():
    nothing = compare("a_mm", [math.nan], {"trivial": [math.nan]})
    assert nothing.model.count == 0
    assert nothing.grade is None
    assert compare_metrics([]) == []
