"""Whole scans and their views."""

from dataclasses import replace

import numpy as np

from orienteer.report.whole_scan import draw_sets, read_whole
from orienteer.store.store import Store
from orienteer.views.policy import ViewPolicy
from tests.helpers.oracle import VIEW

POLICY = ViewPolicy(views=3, view_size=VIEW, min_body_fraction=0.0)


def test_views_depend_only_on_the_scan(coded):
    more, fewer = draw_sets(coded, POLICY, sets=4), draw_sets(coded, POLICY, sets=2)
    np.testing.assert_array_equal(more[:2], fewer)
    assert (draw_sets(replace(coded, key="other"), POLICY, sets=2) != fewer).any()


def test_a_whole_scan_has_the_voxels_of_the_store(finished, store):
    from orienteer.runs.loaded import load_run

    key = next(iter(load_run(finished.folder, device="cpu").validation))
    with Store.open(store) as opened:
        whole = read_whole(opened, key)
        np.testing.assert_array_equal(whole.voxels[3:7, 2:5, 1:9], opened.read(key, (3, 2, 1), (4, 3, 8)))
        assert whole.shape_vox == opened.scan(key).shape_vox
