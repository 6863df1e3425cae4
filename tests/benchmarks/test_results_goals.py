"""The goals are judged as a person would judge them from the tables."""

from math import comb

import pytest

from benchmarks.results_goals import goals, share_interval
from tests.helpers.kept_tables import LINES, PAIRED, dice, error, kept


def goals_of(tmp_path, lines, stability=()):
    return goals(kept(tmp_path, lines), stability)


def test_goals_are_judged_by_the_measured_values(tmp_path):
    text = goals_of(tmp_path, LINES + PAIRED)
    assert "Never below: no; gain with few labels: **yes**" in text  # -0.015 is the low end at all labels
    assert "voco +0.015 [+0.005, +0.025]" in text  # turned round
    assert "every fraction: no (behind voco at 100 %); best by 0.01: **yes**" in text
    assert "above both: **yes**" in text
    assert "0.44 of voco" in text
    assert "0.33 of same coordinates" in text
    assert "At most half of both: **yes**" in text
    assert "not measured" in text.partition("4. ")[2]


def test_a_worse_method_reaches_nothing(tmp_path):
    worse = [dice("default", "0.05", 0.02, "scratch"), dice("default", "1", 0.0, "scratch"),
             dice("default", "mean", 0.75), dice("voco", "mean", 0.755), error("default", 3.0), error("voco", 4.5),
             error("same coordinates", 6.0)]  # fmt: skip
    text = goals_of(tmp_path, worse)
    assert "Never below: **yes**; gain with few labels: no" in text
    assert "-0.005 on the mean of fractions to the best other, voco" in text
    assert "Best by 0.01: no" in text
    assert "At most half of both: no" in text  # half of one, two thirds of the other


@pytest.mark.parametrize(("bad", "reached"), [((), "**yes**"), ((3,), "no")])
def test_stability_counts_bad_seeds(tmp_path, bad, reached):
    rows = [
        {"seed": str(seed), "method": "default", "steps": "300", "diverged": "no", "effective_rank": "9.5",
         "collapsed": "yes" if seed in bad else "no"} for seed in range(20)
    ]  # fmt: skip
    text = goals_of(tmp_path, LINES, rows).partition("4. ")[2]
    assert f"20 seeds of 300 steps: 0 diverged, {len(bad)} collapsed" in text
    assert f"Reached: {reached}" in text


def test_the_interval_of_a_share_is_the_exact_one():
    low, high = share_interval(1, 20)
    assert sum_of_binomial(range(1, 21), 20, low) == pytest.approx(0.025)
    assert sum_of_binomial(range(2), 20, high) == pytest.approx(0.025)


def sum_of_binomial(counts, of, share):
    return sum(comb(of, count) * share**count * (1 - share) ** (of - count) for count in counts)
