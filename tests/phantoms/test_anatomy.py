"""The painted torso: labels and HU agree, nothing leaves the body, and one generator gives one subject."""

import numpy as np
import pytest

from orienteer.phantoms.anatomy import AIR_HU, LABEL_NAMES, MUSCLE_HU, SOFT, even_out, paint

NUMBER = {name: value for value, name in LABEL_NAMES.items()}


@pytest.fixture(scope="module")
def grid():
    """Positions of a standard body in mm, 10 mm apart."""
    steps = (np.arange(-160, 161, 10), np.arange(-110, 111, 10), np.arange(-270, 271, 10))
    return [axis.astype(np.float32) for axis in np.meshgrid(*steps, indexing="ij")]


def test_one_seed_paints_one_subject_and_the_positions_are_not_touched(grid):
    before = [axis.copy() for axis in grid]
    first, again, other = (paint(np.random.default_rng(seed), *grid) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values_hu, again.values_hu)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.labels != other.labels).any()
    assert all(np.array_equal(axis, kept) for axis, kept in zip(grid, before, strict=True))


def test_air_has_no_label_and_organs_have_their_hu(grid):
    painted = paint(np.random.default_rng(0), *grid)
    assert not painted.labels[painted.values_hu == AIR_HU].any()
    for name, low, high in (("lung left", -950, -700), ("liver", 30, 150), ("hip bones and femurs", 150, 600)):
        assert low < np.median(painted.values_hu[painted.labels == NUMBER[name]]) < high


def test_even_organs_differ_little_from_muscle_and_gas_stays(grid):
    painted = paint(np.random.default_rng(0), *grid)
    before, labels = painted.values_hu.copy(), painted.labels.copy()
    even_out(np.random.default_rng(1), painted)
    soft = np.isin(labels, [NUMBER[name] for name in SOFT])
    gas = soft & (before <= -300)
    assert gas.any()
    np.testing.assert_array_equal(painted.values_hu[gas | ~soft], before[gas | ~soft])
    assert np.abs(painted.values_hu[soft & ~gas] - MUSCLE_HU).max() < 60
    np.testing.assert_array_equal(painted.labels, labels)
