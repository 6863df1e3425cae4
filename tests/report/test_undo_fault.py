"""Undoing a fault gives back the sound scan, and the same views of it."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.report.faults import ORIENTATION_FAULTS, Fault
from orienteer.report.undo_fault import moved_starts, undo_fault
from orienteer.report.whole_scan import cut, draw_sets
from orienteer.scans.body import body_map
from orienteer.views.policy import ViewPolicy
from tests.helpers.oracle import VIEW, with_fault

POLICY = ViewPolicy(views=3, view_size=VIEW, min_body_fraction=0.0)


@pytest.mark.parametrize("fault", ORIENTATION_FAULTS, ids=lambda fault: fault.name)
def test_undoing_a_fault_gives_back_the_scan(coded, fault):
    corrected = undo_fault(with_fault(coded, fault), fault)
    np.testing.assert_array_equal(corrected.voxels, coded.voxels)
    np.testing.assert_array_equal(corrected.body.body, coded.body.body)
    assert corrected.body.inside.all()


@pytest.mark.parametrize("fault", ORIENTATION_FAULTS, ids=lambda fault: fault.name)
def test_moved_views_show_the_same_voxels(coded, fault):
    wrong = with_fault(coded, fault)
    starts = draw_sets(wrong, POLICY, sets=2)
    moved = moved_starts(starts, wrong, fault, VIEW)
    before, after = cut(wrong, starts, VIEW).images, cut(undo_fault(wrong, fault), moved, VIEW).images
    np.testing.assert_allclose(after.double().mean(dim=(-3, -2, -1)), before.double().mean(dim=(-3, -2, -1)), atol=1e-7)
    assert sorted(after[0, 0].flatten().tolist()) == sorted(before[0, 0].flatten().tolist())


def test_a_doubled_spacing_is_undone_by_halving_the_scan(coded):
    corrected = undo_fault(coded, Fault(spacing_factor=2.0))
    assert corrected.shape_vox == tuple(size // 2 for size in coded.shape_vox)
    assert corrected.spacing_mm == coded.spacing_mm
    assert (corrected.body.body == 255).all()


def test_views_that_are_not_cubes_cannot_be_swapped(coded):
    starts = np.zeros((1, 2, 3), np.int64)
    assert moved_starts(starts, coded, Fault(swapped=(0, 1)), (8, 12, 8)) is None
    assert moved_starts(starts, coded, Fault(swapped=(0, 2)), (8, 12, 8)) is not None
    uneven = replace(coded, spacing_mm=(2.0, 2.0, 4.0))
    assert moved_starts(starts, uneven, Fault(swapped=(0, 2)), (8, 8, 8)) is None


def test_half_voxels_are_rounded_to_one_side_wherever_the_scan_lies(coded):
    """39 voxels twice as long are 19.5 usual ones: 19 or 20, by the rounding of the origin, but the same for all maps."""
    voxels = coded.voxels[:39, :43, :55]
    body = body_map(np.ones(voxels.shape, bool))
    shapes = set()
    for number in range(30):
        origin = tuple(float(value) for value in np.random.default_rng(number).normal(0, 100, 3))
        scan = replace(coded, voxels=voxels, body=body, origin_mm=origin)
        corrected = undo_fault(scan, Fault(spacing_factor=2.0))
        shapes.add(corrected.shape_vox)
        blocks = tuple(-(-size // body.cell_vox) for size in corrected.shape_vox)
        assert corrected.body.body.shape == corrected.body.inside.shape == blocks
    assert len(shapes) > 1  # else this test would show nothing
