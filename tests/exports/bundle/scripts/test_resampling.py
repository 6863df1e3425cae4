"""Interpolation between grids gives what SimpleITK gives here."""

import numpy as np
import pytest

from orienteer.exports.bundle.scripts.resampling import resampled, strongest
from orienteer.labelled.grids import Geometry, grid_geometry
from orienteer.labelled.resampling import probabilities_on_file
from orienteer.scans.orient import LPS_TO_RAS
from tests.helpers.files import turned


def affine_of(grid: Geometry) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = LPS_TO_RAS @ np.reshape(grid.direction_lps, (3, 3)) * np.array(grid.spacing_mm)
    affine[:3, 3] = LPS_TO_RAS @ np.array(grid.origin_lps_mm)
    return affine


@pytest.mark.parametrize("direction", [np.eye(3), turned((0, 0, 0), (2, 0, 1), (-1, 1, -1)), turned((20, -10, 15))])
def test_the_strongest_class_of_each_voxel_is_that_of_predict(direction):
    grid = grid_geometry((9, 8, 7), (2.0, 2.5, 3.0), (-5.0, 3.0, 10.0))
    file = Geometry((15, 17, 13), (1.1, 0.9, 1.3), (4.0, -16.0, 11.0), tuple(direction.ravel().tolist()))
    probabilities = np.random.default_rng(0).random((3, 9, 8, 7)).astype(np.float32)
    ours = probabilities_on_file(probabilities, grid, file)
    theirs = strongest(probabilities, affine_of(grid), affine_of(file), file.size)
    assert set(np.unique(ours)) == {0, 1, 2}
    assert np.mean(theirs.transpose(2, 1, 0) != ours) < 2e-3


def test_a_grid_onto_itself_changes_nothing():
    values = np.random.default_rng(0).random((5, 4, 3)).astype(np.float32)
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    np.testing.assert_array_equal(resampled(values, affine, affine, values.shape, -1.0), values)


def test_voxels_beyond_the_outer_edges_have_the_value_for_outside():
    values = np.ones((4, 4, 4), np.float32)
    onto = np.eye(4)
    onto[0, 3] = -2.0  # two voxels further left
    moved = resampled(values, np.eye(4), onto, (4, 4, 4), 9.0)
    assert np.all(moved[:2] == 9)
    assert np.all(moved[2:] == 1)
