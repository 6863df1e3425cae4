"""Features of the retrieval baselines: coordinates from the centre, and patches as a loop cuts them."""

import numpy as np
import pytest

from orienteer.comparison.measures.retrieval_baselines import PATCH_EDGE, PATCH_STEP, centred_coordinates, raw_patches


@pytest.fixture(scope="module")
def case(bench, preparation):
    return bench.part(preparation, "test")[0]


def test_opposite_corners_have_opposite_coordinates(bench, case):
    corners = np.array([[0.0, 0.0, 0.0], [edge - 1.0 for edge in case.shape_vox]])
    with bench.open_store() as store:
        first, last = centred_coordinates(store, case, corners)
    assert first.tolist() == (-last).tolist()
    assert (last - first).tolist() == pytest.approx((np.array(case.shape_vox) - 1) * case.grid.spacing_mm)


def test_a_patch_is_that_of_a_loop_with_air_outside(bench, case):
    points = np.array([[8.0, 9.0, 8.0], [0.0, 0.0, 0.0]])
    reach = PATCH_EDGE // 2 * PATCH_STEP
    with bench.open_store() as store:
        patches = raw_patches(store, case, points)
        voxels = np.pad(store.read(case.key, (0, 0, 0), case.shape_vox), reach, constant_values=-1.0)
    for patch, point in zip(patches, points.astype(int), strict=True):
        i, j, k = (slice(at, at + 2 * reach + 1, PATCH_STEP) for at in point)
        cut = voxels[i, j, k].ravel()
        assert patch == pytest.approx(cut - cut.mean(), abs=1e-4)
