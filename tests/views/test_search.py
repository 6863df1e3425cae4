"""The search over all starts, used where rejection sampling fails."""

import numpy as np

from orienteer.views import sample
from orienteer.views.body import ViewSpace
from orienteer.views.policy import ViewPolicy
from orienteer.views.sample import can_hold, draw_starts
from tests.helpers.block_maps import ball
from tests.helpers.fake_views import blocks_of

SPACING = (1.5, 2.0, 3.0)


def test_search_finds_the_single_place_that_rejection_misses(monkeypatch):
    shape, size = (64, 60, 62), (8, 8, 8)
    voxels = np.zeros(shape, bool)
    voxels[40:48, 12:20, 20:28] = True
    body = blocks_of(voxels)
    policy = ViewPolicy(views=3, view_size=size, min_body_fraction=1.0)
    starts = draw_starts(np.random.default_rng(0), ViewSpace(shape, body, SPACING), policy)
    assert (starts == (40, 12, 20)).all()
    assert can_hold(shape, body, size, 1.0) is None


def test_search_keeps_to_the_views_that_fit(monkeypatch):
    monkeypatch.setattr(sample, "_CANDIDATES", 0)
    shape, policy = (24, 24, 24), ViewPolicy(views=4, view_size=(8, 8, 8))
    space = ViewSpace(shape, blocks_of(np.ones(shape, bool)), SPACING, fits=lambda starts, size: starts[:, 1] == 5)
    starts = draw_starts(np.random.default_rng(0), space, policy)
    assert (starts[:, 1] == 5).all()
    assert len(np.unique(starts[:, 0])) > 1


def test_search_keeps_distances(monkeypatch):
    monkeypatch.setattr(sample, "_CANDIDATES", 0)
    shape, size = (40, 16, 20), (8, 8, 8)
    policy = ViewPolicy(views=3, view_size=size, min_distance_mm=14.0, max_distance_mm=40.0)
    body, rng = blocks_of(ball(shape, 1.2)), np.random.default_rng(4)
    for _ in range(10):
        starts = draw_starts(rng, ViewSpace(shape, body, (1.0, 1.0, 1.0)), policy)
        gaps = (starts[[1, 2, 2]] - starts[[0, 0, 1]]).astype(float)
        distances_mm = np.linalg.norm(gaps, axis=1)
        assert ((distances_mm >= 14 - 1e-6) & (distances_mm <= 40 + 1e-6)).all()


def test_a_scan_with_no_room_inside_the_field_says_so():
    shape = (24, 24, 24)
    body = blocks_of(np.ones(shape, bool))
    body.inside[3] = False
    assert can_hold(shape, body, (16, 8, 8), 0.0) == "no place of (16, 8, 8) voxels wholly inside the scanned field"
    assert can_hold(shape, body, (12, 8, 8), 0.0) is None  # three whole blocks before the gap
