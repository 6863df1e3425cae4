"""Cubes show what a header with a wrong voxel size makes of a scan."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.headers.cubes import OUTSIDE, CoarseScan, CubePolicy, coarse_scan, cut_cubes

NONE, CENTRE = np.ones(3), np.zeros(3)
POLICY = CubePolicy(extent_mm=16.0, levels=2, edge_vox=8)
"""Cubes of 8 voxels of 2 and of 4 mm."""


def ramp(shape=(40, 44, 48), spacing=(2.0, 2.0, 2.0)) -> CoarseScan:
    """A value for every place, different along every axis, and 0 at the centre."""
    grid = np.meshgrid(*(np.linspace(-0.3, 0.3, size) for size in shape), indexing="ij")
    return CoarseScan((grid[0] + 0.5 * grid[1] - 0.25 * grid[2]).astype(np.float32), spacing)


def test_the_inner_cube_of_a_sound_scan_is_its_middle():
    scan = ramp()
    np.testing.assert_allclose(cut_cubes(scan, POLICY, NONE, CENTRE)[0], scan.voxels[16:24, 18:26, 20:28], atol=1e-6)


def test_the_outer_cube_reaches_twice_as_far():
    inner, outer = cut_cubes(ramp(), POLICY, NONE, CENTRE)
    np.testing.assert_allclose(np.ptp(outer[:, 4, 4]), 2 * np.ptp(inner[:, 4, 4]), rtol=1e-5)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("factor", [0.6, 1.67, 2.0])
def test_a_wrong_voxel_size_is_what_a_header_with_it_shows(axis, factor):
    scan, factors = ramp(), np.where(np.arange(3) == axis, factor, 1.0)
    stated = CoarseScan(scan.voxels, tuple((np.array(scan.spacing_mm) * factors).tolist()))
    made = cut_cubes(scan, POLICY, factors, CENTRE)
    np.testing.assert_allclose(made, cut_cubes(stated, POLICY, NONE, CENTRE), atol=1e-5)
    right = np.moveaxis(cut_cubes(scan, POLICY, NONE, CENTRE)[0], axis, 0)[:, 4, 4]
    np.testing.assert_allclose(np.ptp(np.moveaxis(made[0], axis, 0)[:, 4, 4]), np.ptp(right) / factor, rtol=0.02)


def test_outside_of_the_scan_is_air_and_the_border_is_shared():
    scan = CoarseScan(np.ones((4, 40, 40), np.float32), (2.0, 2.0, 2.0))
    inner = cut_cubes(scan, POLICY, NONE, CENTRE)[0][:, 4, 4]
    np.testing.assert_allclose(inner, [OUTSIDE] * 2 + [1.0] * 4 + [OUTSIDE] * 2, atol=1e-6)
    coarse = cut_cubes(scan, CubePolicy(extent_mm=96.0, levels=1, edge_vox=8), NONE, CENTRE)[0][:, 4, 4]
    assert (coarse[[0, 1, 2, 5, 6, 7]] == OUTSIDE).all()
    assert ((coarse[3:5] > OUTSIDE) & (coarse[3:5] < 1)).all()


def test_the_centre_moves_the_cube_by_mm():
    scan = ramp()
    moved = cut_cubes(scan, POLICY, NONE, np.array([4.0, 0.0, -2.0]))[0]
    np.testing.assert_allclose(moved, scan.voxels[18:26, 18:26, 19:27], atol=1e-6)


def test_an_even_stretch_is_a_smaller_voxel_and_a_local_one_moves_what_lies_beyond():
    scan = ramp()
    even = np.full((3, 5), np.log(1.25))
    stretched = cut_cubes(scan, POLICY, NONE, CENTRE, even)
    np.testing.assert_allclose(stretched, cut_cubes(scan, POLICY, np.full(3, 1.25), CENTRE), atol=2e-3)
    local = np.zeros((3, 5))
    local[0, 2] = 0.4
    inner = cut_cubes(scan, POLICY, NONE, CENTRE, local)[0][:, 4, 4]
    plain = cut_cubes(scan, POLICY, NONE, CENTRE)[0][:, 4, 4]
    assert np.ptp(inner) < np.ptp(plain)
    np.testing.assert_allclose(inner.mean(), plain.mean(), atol=1e-5)


def test_coarse_scans_keep_their_means_and_their_size():
    voxels = np.random.default_rng(0).normal(size=(12, 16, 20)).astype(np.float32)
    scan = coarse_scan(voxels, (1.0, 0.5, 2.0), CubePolicy(extent_mm=96.0))
    assert scan.voxels.shape == (3, 2, 10)
    assert scan.spacing_mm == (4.0, 4.0, 4.0)
    np.testing.assert_allclose(scan.voxels[0, 0, 0], voxels[:4, :8, :2].mean(), rtol=1e-5)


@pytest.mark.parametrize("values", [{"extent_mm": 0.0}, {"extent_mm": 9.0, "levels": 0}, {"extent_mm": np.inf}])
def test_impossible_cubes_are_refused(values):
    with pytest.raises(InputError, match=r"extent_mm|levels"):
        CubePolicy(**values)
