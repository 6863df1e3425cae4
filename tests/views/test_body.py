"""Body sums over blocks equal plain sums over voxels."""

import numpy as np
import pytest

from orienteer.views.body import _covered, _window_sums, body_sums_everywhere, enough_body
from tests.helpers.block_maps import ball, naive_allowed, spread
from tests.helpers.fake_views import FakeBody, blocks_of


@pytest.mark.parametrize(
    ("shape", "size"), [((14, 11, 13), (6, 5, 8)), ((9, 9, 9), (1, 1, 1)), ((21, 8, 10), (21, 3, 9))]
)
def test_sums_everywhere_are_those_of_the_voxels_or_minus_one_outside_the_field(shape, size):
    body = blocks_of(ball(shape, 1.0))
    body.inside[0, 0, :] = False
    voxels, outside = spread(body.body.astype(int), shape), spread(~body.inside, shape)
    slabs = list(body_sums_everywhere(shape, body, size))
    assert [first for first, _ in slabs] == list(range(0, shape[0] - size[0] + 1, 16))
    sums = np.concatenate([slab for _, slab in slabs])
    for start in np.ndindex(*sums.shape):
        view = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
        assert sums[start] == (-1 if outside[view].any() else voxels[view].sum())


def test_single_views_are_judged_as_all_of_them():
    shape, size = (14, 11, 13), (6, 5, 8)
    body = blocks_of(ball(shape, 1.0))
    body.inside[0, 0, :] = False
    starts = np.argwhere(np.ones([n - s + 1 for n, s in zip(shape, size, strict=True)], bool))
    enough = enough_body(starts, body, size, 0.5 * np.prod(size) * 255 - 1e-6)
    assert {tuple(start) for start in starts[enough].tolist()} == naive_allowed(body, shape, size, 0.5)


def test_no_starts_give_no_answers():
    body = FakeBody(np.full((2, 2, 2), 255, np.uint8), np.ones((2, 2, 2), bool))
    assert enough_body(np.empty((0, 3), np.int64), body, (4, 4, 4), 1.0).shape == (0,)


def test_views_on_whole_blocks_are_counted_to_the_voxel():
    shape, size = (28, 24, 36), (8, 12, 4)
    rng = np.random.default_rng(0)
    voxels = rng.random(shape) < 0.6
    body = blocks_of(voxels)
    starts = 4 * rng.integers(0, [6, 4, 9], (50, 3))
    counted = _window_sums(body.body, [_covered(starts[:, a], size[a], 4, body.body.shape[a]) for a in range(3)])
    for start, sum_255 in zip(starts, counted, strict=True):
        box = voxels[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))]
        assert sum_255 / 255 / box.size == pytest.approx(box.mean(), abs=0.5 / 255)
