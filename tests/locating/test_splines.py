"""Cubic B-splines: weights add up to one, straight fields stay straight, roughness is that of differences."""

import numpy as np
import pytest

from orienteer.locating.splines import control_grid

LOW, HIGH = np.array([0.0, 10, 20]), np.array([100.0, 90, 140])


def test_a_straight_field_is_kept_and_weights_add_up_to_one():
    grid = control_grid(LOW, HIGH, 30.0)
    axes = [grid.origin_mm[axis] + np.arange(count) * 30.0 for axis, count in enumerate(grid.shape)]
    controls = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.random.default_rng(0).uniform(LOW, HIGH, (100, 3))
    weights = grid.weights(points)
    assert weights.sum(1) == pytest.approx(np.ones((100, 1)))
    assert weights @ controls == pytest.approx(points)


def test_roughness_is_the_sum_of_squared_differences():
    grid = control_grid(LOW, HIGH, 30.0)
    values = np.random.default_rng(0).normal(size=grid.count)
    field = values.reshape(grid.shape)
    by_hand = sum((np.diff(field, axis=axis) ** 2).sum() for axis in range(3)) / 30.0**2
    assert values @ (grid.roughness() @ values) == pytest.approx(by_hand)
