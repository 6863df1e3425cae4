"""Volumes read at places: a linear one is read exactly, with its slope, and the border goes on outside."""

import numpy as np
import pytest

from orienteer.locating.volumes import volume_of

ORIGIN, STEP = np.array([5.0, -3.0, 2.0]), np.array([2.0, 3.0, 4.0])


def test_a_linear_volume_is_read_exactly_with_its_slope():
    axes = [ORIGIN[axis] + np.arange(size) * STEP[axis] for axis, size in enumerate((6, 5, 4))]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    volume = volume_of(np.stack([2 * x - y + 0.5 * z, z]).astype(np.float32), ORIGIN, STEP)
    points = ORIGIN + np.random.default_rng(0).uniform(0, 1, (50, 3)) * (np.array([5, 4, 3]) * STEP)
    read = volume.read(points)
    assert read.values[:, 0] == pytest.approx(points @ [2, -1, 0.5], abs=1e-4)
    assert read.slopes[:, :, 0] == pytest.approx(np.tile([2, -1, 0.5], (50, 1)), abs=1e-4)
    assert read.slopes[:, :, 1] == pytest.approx(np.tile([0, 0, 1], (50, 1)), abs=1e-4)
    assert read.inside.all()


def test_outside_is_known_and_has_the_value_of_the_border():
    volume = volume_of(np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2), ORIGIN, STEP)
    read = volume.read(np.array([ORIGIN - 100, ORIGIN, ORIGIN + 100]))
    assert read.values[:, 0].tolist() == [0, 0, 7]
    assert read.inside.tolist() == [False, True, False]


def test_a_volume_of_one_slice():
    volume = volume_of(np.ones((1, 3, 3, 1), np.float32), ORIGIN, STEP)
    assert volume.values(ORIGIN[None]).tolist() == [[1.0]]
