"""Layouts: what overlaps, what neighbours, and that every view stays inside."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.views.body import ViewSpace
from orienteer.views.layout import BLOCK_VIEWS, check_views, draw_layout
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import blocks_of

SHAPE, SIZE, SPACING = (44, 36, 40), (16, 12, 16), (1.5, 2.0, 2.5)


def draw(seed, body=None, shape=SHAPE, **policy):
    body = blocks_of(np.ones(shape, bool)) if body is None else body
    settings = ViewPolicy(view_size=SIZE, **policy)
    return draw_layout(np.random.default_rng(seed), ViewSpace(shape, body, SPACING, "scan.nii.gz"), settings)


@pytest.mark.parametrize("seed", range(20))
def test_pairs_overlap_by_the_share_that_was_asked_for_and_stay_inside(seed):
    starts = draw(seed, views=6, layout="pairs", pair_shift=0.25)
    assert starts.shape == (6, 3)
    assert (np.abs(starts[1::2] - starts[::2]) <= np.floor(0.25 * np.array(SIZE))).all()
    assert (starts >= 0).all()
    assert (starts + SIZE <= SHAPE).all()


def test_partners_really_move_and_first_views_lie_anywhere():
    sets = np.stack([draw(seed, views=4, layout="pairs") for seed in range(40)])
    assert (sets[:, 1] != sets[:, 0]).any(axis=1).mean() > 0.9
    assert np.abs(sets[:, 2] - sets[:, 0]).max() > SIZE[0] / 2


@pytest.mark.parametrize("seed", range(10))
def test_in_a_mixed_set_the_second_view_overlaps_the_first_and_the_others_lie_anywhere(seed):
    starts = draw(seed, views=4, layout="mixed", pair_shift=0.25)
    assert starts.shape == (4, 3)
    assert (np.abs(starts[1] - starts[0]) <= np.floor(0.25 * np.array(SIZE))).all()
    free = draw(seed, views=3, layout="free")
    np.testing.assert_array_equal(starts[[0, 2, 3]], free)


def test_a_partner_that_finds_no_body_is_laid_on_the_first():
    """Body in one corner only: few places hold enough of it, and a partner is never laid where there is too little."""
    voxels = np.zeros(SHAPE, bool)
    voxels[:16, :12, :16] = True
    body = blocks_of(voxels)
    for seed in range(10):
        starts = draw(seed, body, views=2, layout="pairs", min_body_fraction=0.95)
        for start in starts:
            box = tuple(slice(low, low + size) for low, size in zip(start, SIZE, strict=True))
            assert voxels[box].mean() >= 0.95


@pytest.mark.parametrize("seed", range(10))
def test_neighbours_tile_a_block_and_the_one_view_lies_within_it(seed):
    starts = draw(seed, views=BLOCK_VIEWS, layout="block")
    one, neighbours = starts[0], starts[1:]
    low, high = neighbours.min(0), neighbours.max(0)
    assert (high - low == SIZE).all()  # next to each other, not overlapping
    assert len({tuple(start) for start in neighbours.tolist()}) == 8
    assert ((one >= low) & (one <= high)).all()
    assert (low >= 0).all()
    assert (high + SIZE <= SHAPE).all()


def test_neighbours_overlap_where_the_scan_is_too_short_for_two():
    starts = draw(0, views=BLOCK_VIEWS, layout="block", shape=(20, 36, 40))
    assert starts[1:, 0].max() - starts[1:, 0].min() == 4
    assert (starts[:, 0] + SIZE[0] <= 20).all()


def test_a_layout_depends_on_the_generator_alone():
    for layout, views in (("pairs", 4), ("block", BLOCK_VIEWS), ("free", 3)):
        first, second = draw(7, views=views, layout=layout), draw(7, views=views, layout=layout)
        assert (first == second).all()


def test_numbers_of_views_that_a_layout_does_not_have_are_errors():
    check_views(4, "pairs")
    check_views(3, "free")
    with pytest.raises(InputError, match="even number.*use 4"):
        check_views(3, "pairs")
    with pytest.raises(InputError, match="wanted 9"):
        check_views(4, "block")
    with pytest.raises(InputError, match="pair_shift"):
        ViewPolicy(pair_shift=1.0)
