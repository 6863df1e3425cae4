import numpy as np
import pytest

from orienteer.errors import InputError, ScanError
from orienteer.views import sample
from orienteer.views.body import ViewSpace
from orienteer.views.policy import ViewPolicy
from orienteer.views.sample import can_hold, draw_starts
from tests.helpers.block_maps import ball, naive_allowed, share_of, spread
from tests.helpers.fake_views import FakeBody, blocks_of

SPACING = (1.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("shape", "size", "radius"),
    [
        ((30, 26, 41), (8, 8, 8), 0.8),
        ((30, 26, 41), (5, 12, 9), 0.8),
        ((17, 16, 33), (17, 6, 33), 1.1),
        ((9, 9, 9), (1, 1, 1), 0.8),
    ],
)
def test_views_lie_inside_and_hold_enough_body(shape, size, radius):
    voxels = ball(shape, radius)
    body, policy = blocks_of(voxels), ViewPolicy(views=4, view_size=size, min_body_fraction=0.5)
    mixed = spread((body.body > 0) & (body.body < 255), shape)
    rng = np.random.default_rng(3)
    for _ in range(25):
        starts = draw_starts(rng, ViewSpace(shape, body, SPACING), policy)
        assert starts.shape == (4, 3)
        assert (starts >= 0).all()
        assert (starts + size <= shape).all()
        for start in starts:
            assert share_of(body, shape, start, size) >= 0.5 - 1e-9
            # Inside a block that is body in part, nothing is known of where; all other voxels are counted exactly.
            view = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
            assert voxels[view].mean() >= 0.5 - mixed[view].mean()


def test_no_view_touches_a_block_that_was_not_scanned():
    shape, size = (40, 32, 24), (9, 8, 10)
    body = blocks_of(np.ones(shape, bool))
    outside = np.zeros(body.inside.shape, bool)
    outside[2, 3, 1] = outside[7, :, 4] = outside[0] = True
    body = FakeBody(body.body, ~outside)
    voxels_outside = spread(outside, shape)
    rng = np.random.default_rng(0)
    for _ in range(60):
        starts = draw_starts(
            rng, ViewSpace(shape, body, SPACING), ViewPolicy(views=3, view_size=size, min_body_fraction=0.0)
        )
        for start in starts:
            assert not voxels_outside[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))].any()


@pytest.mark.parametrize("limits", [(None, None), (14.0, None), (None, 25.0), (12.0, 20.0)])
def test_distances_between_all_pairs_keep_their_limits(limits):
    shape, size = (40, 30, 26), (8, 6, 10)
    low, high = limits
    policy = ViewPolicy(views=4, view_size=size, min_distance_mm=low, max_distance_mm=high)
    body, rng = blocks_of(ball(shape)), np.random.default_rng(1)
    for _ in range(20):
        starts = draw_starts(rng, ViewSpace(shape, body, SPACING), policy)
        for i in range(4):
            for j in range(i + 1, 4):
                distance_mm = np.linalg.norm((starts[j] - starts[i]) * np.array(SPACING))
                assert (low or 0) - 1e-6 <= distance_mm <= (high or np.inf) + 1e-6


def test_distance_of_exactly_the_limit_is_allowed():
    shape, size = (16, 8, 8), (8, 8, 8)
    policy = ViewPolicy(views=2, view_size=size, min_distance_mm=8 * 0.7)
    starts = draw_starts(
        np.random.default_rng(0), ViewSpace(shape, blocks_of(np.ones(shape, bool)), (0.7, 1.0, 1.0)), policy
    )
    assert sorted(starts[:, 0]) == [0, 8]


def test_a_set_depends_on_the_generator_alone():
    shape = (40, 30, 26)
    body, policy = blocks_of(ball(shape)), ViewPolicy(views=3, view_size=(8, 8, 8), min_distance_mm=5.0)
    first, again, other = (
        draw_starts(np.random.default_rng(seed), ViewSpace(shape, body, SPACING), policy) for seed in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def counts_of(draws: np.ndarray, allowed: set) -> np.ndarray:
    tally = dict.fromkeys(allowed, 0)
    for start in draws:
        tally[tuple(int(value) for value in start)] += 1  # a start that is not allowed is a KeyError
    return np.array(list(tally.values()))


def assert_uniform(counts: np.ndarray) -> None:
    expected = counts.mean()
    chi2, freedom = ((counts - expected) ** 2 / expected).sum(), len(counts) - 1
    assert abs(chi2 - freedom) < 4 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("search", [False, True])
def test_starts_are_uniform_over_exactly_the_allowed_ones(monkeypatch, search):
    shape, size = (14, 11, 13), (6, 5, 8)
    body = blocks_of(ball(shape, 1.0))
    body.inside[0, 0, :] = False
    if search:
        monkeypatch.setattr(sample, "_CANDIDATES", 0)
    policy = ViewPolicy(views=10, view_size=size, min_body_fraction=0.5)
    allowed = naive_allowed(body, shape, size, 0.5)
    assert 30 < len(allowed) < 0.8 * 9 * 7 * 6
    rng = np.random.default_rng(5)
    draws = np.concatenate([draw_starts(rng, ViewSpace(shape, body, SPACING), policy) for _ in range(len(allowed) * 4)])
    assert_uniform(counts_of(draws, allowed))


@pytest.mark.parametrize("search", [False, True])
def test_views_of_a_set_are_drawn_independently(monkeypatch, search):
    shape, size = (9, 8, 8), (4, 8, 8)
    if search:
        monkeypatch.setattr(sample, "_CANDIDATES", 0)
    policy, rng = ViewPolicy(views=2, view_size=size), np.random.default_rng(2)
    body = blocks_of(np.ones(shape, bool))
    pairs = [draw_starts(rng, ViewSpace(shape, body, SPACING), policy)[:, 0] for _ in range(900)]
    table = np.zeros((6, 6))
    for first, second in pairs:
        table[first, second] += 1
    assert_uniform(table.ravel())


def test_sets_with_limited_distances_are_uniform_over_all_that_keep_them():
    shape, size = (10, 4, 4), (4, 4, 4)
    policy = ViewPolicy(views=2, view_size=size, min_distance_mm=3.0)
    body, rng = blocks_of(np.ones(shape, bool)), np.random.default_rng(2)
    allowed = {(i, j, 0) for i in range(7) for j in range(7) if abs(i - j) >= 3}
    pairs = [draw_starts(rng, ViewSpace(shape, body, (1.0, 1.0, 1.0)), policy)[:, 0] for _ in range(1000)]
    assert_uniform(counts_of(np.array([(i, j, 0) for i, j in pairs]), allowed))


def test_distances_that_cannot_be_met_name_the_scan_and_the_reason():
    shape, size = (24, 24, 24), (16, 16, 16)
    body = blocks_of(np.ones(shape, bool))
    far = ViewPolicy(views=2, view_size=size, min_distance_mm=30.0)
    with pytest.raises(ScanError, match=r"case_7: .*at most 13\.9 mm apart where min_distance_mm is 30") as caught:
        draw_starts(np.random.default_rng(0), ViewSpace(shape, body, (1.0, 1.0, 1.0), "case_7"), far)
    assert caught.value.step == "fit"
    crowded = ViewPolicy(views=20, view_size=size, min_distance_mm=9.0)  # two views fit so far apart, twenty do not
    with pytest.raises(ScanError, match=r"no set that keeps min_distance_mm 9\.0"):
        draw_starts(np.random.default_rng(0), ViewSpace(shape, body, (1.0, 1.0, 1.0)), crowded)


@pytest.mark.parametrize(
    ("shape", "size", "fraction", "words"),
    [
        ((40, 32, 20), (32, 32, 32), 0.3, r"smaller than a view on axis 2: 20 < 32 voxels"),
        ((10, 32, 20), (32, 32, 32), 0.3, r"axis 0: 10 < 32 voxels, axis 2: 20 < 32 voxels"),
        ((24, 24, 24), (16, 16, 16), 0.9, r"at most \d\d\.\d % of a view is body where min_body_fraction is 0\.9"),
    ],
)
def test_a_scan_that_cannot_hold_a_view_says_why(shape, size, fraction, words):
    body = blocks_of(ball(shape, 0.5))
    reason = can_hold(shape, body, size, fraction)
    with pytest.raises(ScanError, match=words):
        draw_starts(np.random.default_rng(0), ViewSpace(shape, body, SPACING), ViewPolicy(2, size, fraction))
    assert reason is not None
    with pytest.raises(ValueError, match=words):
        raise ValueError(reason)


def test_a_view_as_large_as_the_scan_has_one_place():
    shape = (18, 21, 16)
    policy = ViewPolicy(views=2, view_size=shape, min_body_fraction=1.0)
    starts = draw_starts(np.random.default_rng(0), ViewSpace(shape, blocks_of(np.ones(shape, bool)), SPACING), policy)
    assert (starts == 0).all()


def test_blocks_of_another_scan_are_refused():
    longer = blocks_of(np.ones((24, 24, 28), bool))
    with pytest.raises(ScanError, match=r"wanted \(6, 6, 6\) blocks of 4 voxels"):
        draw_starts(np.random.default_rng(0), ViewSpace((24, 24, 24), longer, SPACING), ViewPolicy(2, (8, 8, 8)))


def test_a_policy_without_a_size_cannot_draw():
    with pytest.raises(InputError, match="plan it first"):
        draw_starts(
            np.random.default_rng(0), ViewSpace((8, 8, 8), blocks_of(np.ones((8, 8, 8), bool)), SPACING), ViewPolicy()
        )
