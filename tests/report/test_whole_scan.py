"""Undoing a fault gives back the sound scan, and the same views of it."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.report.spoil import FAULTS, Fault
from orienteer.report.whole_scan import cut, draw_sets, moved_starts, read_whole, undone
from orienteer.scans.store import Store
from orienteer.views.policy import ViewPolicy
from tests.helpers.oracle import VIEW, with_fault

POLICY = ViewPolicy(views=3, view_size=VIEW, min_body_fraction=0.0)


@pytest.mark.parametrize("fault", FAULTS[:6], ids=lambda fault: fault.name)
def test_undoing_a_fault_gives_back_the_scan(coded, fault):
    mended = undone(with_fault(coded, fault), fault)
    np.testing.assert_array_equal(mended.voxels, coded.voxels)
    np.testing.assert_array_equal(mended.body.body, coded.body.body)
    assert mended.body.inside.all()


@pytest.mark.parametrize("fault", FAULTS[:6], ids=lambda fault: fault.name)
def test_moved_views_show_the_same_voxels(coded, fault):
    wrong = with_fault(coded, fault)
    starts = draw_sets(wrong, POLICY, sets=2)
    moved = moved_starts(starts, wrong, fault, VIEW)
    before, after = cut(wrong, starts, VIEW).images, cut(undone(wrong, fault), moved, VIEW).images
    np.testing.assert_allclose(after.double().mean(dim=(-3, -2, -1)), before.double().mean(dim=(-3, -2, -1)), atol=1e-7)
    assert sorted(after[0, 0].flatten().tolist()) == sorted(before[0, 0].flatten().tolist())


def test_a_doubled_spacing_is_undone_by_halving_the_scan(coded):
    mended = undone(coded, Fault(spacing_factor=2.0))
    assert mended.shape_vox == tuple(size // 2 for size in coded.shape_vox)
    assert mended.spacing_mm == coded.spacing_mm
    assert (mended.body.body == 255).all()


def test_views_that_are_not_cubes_cannot_be_swapped(coded):
    starts = np.zeros((1, 2, 3), np.int64)
    assert moved_starts(starts, coded, Fault(swapped=(0, 1)), (8, 12, 8)) is None
    assert moved_starts(starts, coded, Fault(swapped=(0, 2)), (8, 12, 8)) is not None
    uneven = replace(coded, spacing_mm=(2.0, 2.0, 4.0))
    assert moved_starts(starts, uneven, Fault(swapped=(0, 2)), (8, 8, 8)) is None


def test_views_depend_on_the_scan_alone(coded):
    more, fewer = draw_sets(coded, POLICY, sets=4), draw_sets(coded, POLICY, sets=2)
    np.testing.assert_array_equal(more[:2], fewer)
    assert (draw_sets(replace(coded, key="other"), POLICY, sets=2) != fewer).any()


def test_a_whole_scan_is_what_the_store_holds(finished, store):
    from orienteer.runs.loaded import load_run

    key = next(iter(load_run(finished.folder, device="cpu").validation))
    with Store.open(store) as opened:
        whole = read_whole(opened, key)
        np.testing.assert_array_equal(whole.voxels[3:7, 2:5, 1:9], opened.read(key, (3, 2, 1), (4, 3, 8)))
        assert whole.shape_vox == opened.scan(key).shape_vox
