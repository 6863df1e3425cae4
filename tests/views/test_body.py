"""Body sums over blocks equal plain sums over voxels."""

import numpy as np
import pytest

from orienteer.views import body as module
from orienteer.views.body import BlockSums, ViewSpace, body_sums_everywhere, enough_body
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


@pytest.mark.parametrize("cost", [0, 10**6])
def test_single_views_are_judged_as_all_of_them(monkeypatch, cost):
    """From a table of running sums, and without one."""
    monkeypatch.setattr(module, "TABLE_COST", cost)
    shape, size = (14, 11, 13), (6, 5, 8)
    body = blocks_of(ball(shape, 1.0))
    body.inside[0, 0, :] = False
    starts = np.argwhere(np.ones([n - s + 1 for n, s in zip(shape, size, strict=True)], bool))
    enough = enough_body(starts, ViewSpace(shape, body, (1.0, 1.0, 1.0)), size, 0.5 * np.prod(size) * 255 - 1e-6)
    assert {tuple(start) for start in starts[enough].tolist()} == naive_allowed(body, shape, size, 0.5)


def test_no_starts_give_no_answers():
    body = FakeBody(np.full((2, 2, 2), 255, np.uint8), np.ones((2, 2, 2), bool))
    space = ViewSpace((8, 8, 8), body, (1.0, 1.0, 1.0))
    assert enough_body(np.empty((0, 3), np.int64), space, (4, 4, 4), 1.0).shape == (0,)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 7, 3)])
@pytest.mark.parametrize("rest", [(4, 4, 4), (1, 3, 2)])
def test_a_table_of_running_sums_gives_the_same_numbers(shape, rest):
    """Bit for bit, at every start, whatever the size of the last block."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, shape).astype(np.uint8)
    size_vox = [4 * (blocks - 1) + left for blocks, left in zip(shape, rest, strict=True)]
    view = tuple(int(rng.integers(1, size + 1)) for size in size_vox)
    starts = np.argwhere(np.ones([size - part + 1 for size, part in zip(size_vox, view, strict=True)], bool))
    one_by_one = np.concatenate([BlockSums(values, 4).of_views(start[None], view) for start in starts])
    sums = BlockSums(values, 4)
    for _ in range(2 + module.TABLE_COST * values.size // len(starts)):
        together = sums.of_views(starts, view)
    assert "_table" in vars(sums)
    np.testing.assert_array_equal(together, one_by_one)


def test_views_on_whole_blocks_are_counted_to_the_voxel():
    shape, size = (28, 24, 36), (8, 12, 4)
    rng = np.random.default_rng(0)
    voxels = rng.random(shape) < 0.6
    body = blocks_of(voxels)
    starts = 4 * rng.integers(0, [6, 4, 9], (50, 3))
    counted = BlockSums(body.body, 4).of_views(starts, size)
    for start, sum_255 in zip(starts, counted, strict=True):
        box = voxels[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))]
        assert sum_255 / 255 / box.size == pytest.approx(box.mean(), abs=0.5 / 255)
