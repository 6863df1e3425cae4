"""The linear map from stated to predicted gaps."""

import numpy as np

from orienteer.report.faults import SOUND, Fault
from orienteer.report.linear_map import ideal_map, linear_map, nearest_ideal


def test_the_ideal_map_of_a_swap_is_a_permutation():
    assert ideal_map(Fault(swapped=(0, 2))).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_the_linear_map_does_not_follow_a_few_outliers():
    rng = np.random.default_rng(0)
    true_map = rng.normal(size=(3, 3))
    true = rng.normal(size=(200, 3)) * 50
    guess = true @ true_map.T + rng.normal(size=(200, 3))
    guess[:10] += 500
    plain = np.linalg.lstsq(true, guess, rcond=None)[0].T
    assert np.abs(linear_map(true, guess) - true_map).max() < 0.1 < np.abs(plain - true_map).max()


def test_shrunken_predictions_are_not_a_fault():
    usual = np.diag([1.0, 0.4, 0.9])
    assert nearest_ideal(usual * 0.97, usual) == SOUND
    assert nearest_ideal(usual @ np.diag([1, 1, -1.0]), usual) == Fault(mirrored=(2,))
