"""Limits that new sound values exceed as rarely as they say, for few values and for many."""

import numpy as np
import pytest

from orienteer.report.limits import half_width, upper_limit


@pytest.mark.parametrize("count", [3, 5, 10, 40])
def test_new_values_exceed_the_limit_as_rarely_as_wanted(count):
    rng, exceeded = np.random.default_rng(count), []
    for _ in range(1500):
        values = rng.normal(3.0, 2.0, count + 1)
        exceeded.append(values[-1] > upper_limit(values[:-1], 0.05))
    assert np.mean(exceeded) < 0.062


def test_the_bound_of_ranks_needs_no_normal_distribution():
    rng, exceeded = np.random.default_rng(0), []
    for _ in range(1500):
        values = rng.lognormal(0, 1.5, 41)
        exceeded.append(values[-1] > upper_limit(values[:-1], 0.05))
    assert np.mean(exceeded) < 0.062


def test_few_values_make_a_wide_margin():
    assert half_width([1.0, 2.0], 0.05) > 2 * half_width([1.0, 2.0] * 5, 0.05) > 0


@pytest.mark.parametrize("values", [[], [1.0]])
def test_without_a_spread_nothing_is_beyond_the_limit(values):
    assert upper_limit(values) == np.inf
