"""Voxels that stand for a whole case, and lattices."""

import numpy as np
import pytest

from orienteer.probing.sampling import lattice, sample_voxels


def test_sampled_voxels_stand_for_the_whole_case() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 24, 22), np.uint8)
    labels[3:9, 4:9, 2:20] = 1
    labels[15:17, 2:5, 3:5] = 3
    totals = np.zeros(4)
    for _ in range(30):
        points, classes, weights = sample_voxels(rng, labels, 4, 400)
        assert (labels[tuple(points.T)] == classes).all()
        assert (classes == 3).sum() >= 90  # one half of a half, although it is 0.1 % of the case
        totals += np.bincount(classes, weights, 4) / 30
    assert totals == pytest.approx(np.bincount(labels.reshape(-1), minlength=4), rel=0.05)


def test_a_case_without_foreground_is_sampled_anywhere() -> None:
    points, classes, weights = sample_voxels(np.random.default_rng(0), np.zeros((5, 6, 7), np.uint8), 3, 50)
    assert points.shape == (50, 3)
    assert classes.max() == 0
    assert weights.sum() == pytest.approx(5 * 6 * 7)


@pytest.mark.parametrize("most", [10**6, 500, 60])
def test_lattice_is_regular_and_small_enough(most: int) -> None:
    shape = (11, 14, 9)
    points = lattice(shape, most)
    assert len(points) <= most
    assert points.min() >= 0
    assert (points.max(0) < shape).all()
    for axis in range(3):
        assert len(set(np.diff(np.unique(points[:, axis])))) <= 1
    if most > 10**5:
        assert len(points) == 11 * 14 * 9
