"""Turning to RAS: every voxel keeps its place in mm, and no other order or direction of axes is closer to RAS."""

from itertools import permutations, product

import numpy as np
import pytest

from orienteer.scans.orient import LPS_TO_RAS, turn_to_ras
from tests.helpers.files import turned

SHAPE, SPACING, ORIGIN = (3, 4, 5), (0.7, 1.9, 3.3), (5.0, -6.0, 7.0)
CODES = [
    np.eye(3)[:, list(order)] * np.array(signs)
    for order in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
]


@pytest.mark.parametrize(
    "direction", [*CODES[::7], turned((20, -15, 10)), turned((-25, 12, 30), (1, 2, 0), (-1, 1, 1))]
)
def test_every_voxel_keeps_its_place(direction):
    turn, frame = turn_to_ras(SHAPE, SPACING, ORIGIN, direction)
    numbers = np.arange(60).reshape(SHAPE)
    result = turn.apply(numbers)
    assert result.shape == frame.shape_vox
    for index in np.ndindex(SHAPE):
        wanted = LPS_TO_RAS @ (np.array(ORIGIN) + direction @ (np.array(index) * SPACING))
        (new,) = np.argwhere(result == numbers[index])
        np.testing.assert_allclose(frame.origin_mm + frame.axes @ (new * frame.spacing_mm), wanted, atol=1e-9)


@pytest.mark.parametrize("direction", CODES)
def test_axes_along_the_body_become_exactly_the_identity(direction):
    _, frame = turn_to_ras(SHAPE, SPACING, ORIGIN, direction)
    assert np.array_equal(frame.axes, np.eye(3))


def test_turned_axes_come_as_close_to_the_body_axes_as_they_can():
    rng = np.random.default_rng(0)
    for _ in range(20):
        direction = turned(tuple(rng.uniform(-180, 180, 3)))
        _, frame = turn_to_ras(SHAPE, SPACING, ORIGIN, direction)
        assert np.trace(frame.axes) == pytest.approx(max(np.trace(LPS_TO_RAS @ direction @ code) for code in CODES))
