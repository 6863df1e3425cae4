"""Intervals: against a written-out loop, and by how often they contain the truth."""

import numpy as np
import pytest

from orienteer.scoring.bootstrap import draws, estimate, resampled_means, stretched


def naive_means(values, seeds, cases):
    """Every resample's mean, cell by cell."""
    means = []
    for drawn_seeds, drawn_cases in zip(seeds, cases, strict=True):
        cells = [values[s, c] for s in drawn_seeds for c in drawn_cases if not np.isnan(values[s, c])]
        means.append(sum(cells) / len(cells) if cells else np.nan)
    return np.array(means)


@pytest.mark.parametrize("missing", [False, True])
def test_resampled_means_are_those_of_a_loop(missing):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 5))
    if missing:
        values[0, 1] = values[2, 3] = values[1, 1] = np.nan
    seeds, cases = draws(rng, values.shape, 200)
    assert seeds.shape == (200, 3)
    assert cases.max() == 4
    np.testing.assert_allclose(resampled_means(values, seeds, cases), naive_means(values, seeds, cases))


def test_a_resample_without_any_value_is_left_out():
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    means = resampled_means(values, np.array([[1, 1], [0, 0]]), np.array([[0, 1], [0, 0]]))
    assert np.isnan(means[0])
    assert means[1] == 1.0


def test_stretching_keeps_the_mean_and_makes_the_variance_of_resampled_means_unbiased():
    rng = np.random.default_rng(1)
    of_seeds = rng.normal(size=4)
    values = np.tile(of_seeds[:, None], (1, 50))  # cases do not differ: only seeds vary
    wider = stretched(values)
    assert np.isclose(wider.mean(), values.mean())
    means = resampled_means(wider, *draws(rng, values.shape, 40_000))
    assert np.isclose(means.var(), of_seeds.var(ddof=1) / 4, rtol=0.03)  # what n - 1 gives, not n


@pytest.mark.parametrize("shape", [(12, 40), (6, 40)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(shape):
    rng = np.random.default_rng(2)
    held, trials = 0, 300
    for trial in range(trials):
        values = 0.7 + 0.02 * rng.normal(size=(shape[0], 1)) + 0.05 * rng.normal(size=(1, shape[1]))
        found = estimate(values + 0.02 * rng.normal(size=shape), seed=trial, resamples=400)
        held += found.low <= 0.7 <= found.high
    assert 0.88 <= held / trials <= 0.99


def test_a_paired_difference_is_far_narrower_than_what_it_is_the_difference_of():
    rng = np.random.default_rng(3)
    base = 0.7 + 0.1 * rng.normal(size=(1, 40)) + 0.01 * rng.normal(size=(4, 40))
    better = base + 0.02 + 0.005 * rng.normal(size=base.shape)
    difference, alone = estimate(better - base), estimate(better)
    assert difference.low > 0.01
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)


def test_one_seed_and_one_case_give_an_interval_without_width_and_nothing_gives_nothing():
    assert estimate(np.array([[0.5]])) == (0.5, 0.5, 0.5, 1, 1)
    nothing = estimate(np.full((2, 3), np.nan))
    assert np.isnan(nothing.mean)
    assert (nothing.seeds, nothing.cases) == (0, 0)


def test_missing_seeds_and_cases_are_not_counted():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    found = estimate(values)
    assert (found.mean, found.seeds, found.cases) == (2.0, 1, 2)
