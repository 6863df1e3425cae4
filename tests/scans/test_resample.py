import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.scans.resample import onto_grid
from orienteer.scans.source import Scan
from tests.helpers.files import turned


def scan_of(function, shape, spacing, origin=(0.0, 0.0, 0.0), axes=None):
    """A scan whose value at each voxel is a function of its place in mm."""
    axes = np.eye(3) if axes is None else axes
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).astype(float)
    places = np.array(origin) + (index * np.array(spacing)) @ axes.T
    return Scan("test", function(places).astype(np.float32), spacing, origin, axes, "MR", "NIfTI")


def ramp(places):
    return places @ np.array([1.0, -2.0, 0.5]) + 30


def grid_places(grid):
    index = np.stack(np.meshgrid(*map(np.arange, grid.voxels.shape), indexing="ij"), axis=-1)
    return np.array(grid.origin_mm) + index * np.array(grid.spacing_mm)


def inner(values, cut=2):
    return values[cut:-cut, cut:-cut, cut:-cut]


@pytest.mark.parametrize("new", [(1.0, 1.0, 1.0), (0.7, 1.3, 2.9), (3.1, 0.9, 1.7)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 3.0), (0.8, 2.0, 1.5)])
def test_a_linear_ramp_keeps_its_mm(new, spacing):
    scan = scan_of(ramp, (31, 26, 24), spacing, (-40.0, 7.5, 100.25))
    grid = onto_grid(scan, new)
    assert grid.spacing_mm == new
    assert grid.inside is None
    # A shift by 1e-3 mm along any axis would show: the ramp has slopes of 0.5 to 2 per mm.
    np.testing.assert_allclose(inner(grid.voxels, 5), inner(ramp(grid_places(grid)), 5), atol=4e-4)


@pytest.mark.parametrize("axes", [turned((12, 0, 0)), turned((0, 0, -25)), turned((8, 20, 0))])
def test_an_oblique_ramp_keeps_its_mm_and_its_field(axes):
    scan = scan_of(ramp, (30, 26, 22), (1.0, 1.2, 2.0), (10.0, -20.0, 5.0), axes)
    grid = onto_grid(scan, (1.5, 1.5, 1.5))
    places = grid_places(grid)
    voxel = (places - np.array(scan.origin_mm)) @ axes / np.array(scan.spacing_mm)
    within = ((voxel >= -0.5) & (voxel <= np.array(scan.voxels.shape) - 0.5)).all(axis=-1)
    assert grid.inside is not None
    np.testing.assert_array_equal(grid.inside, within)
    deep = ((voxel >= 2) & (voxel <= np.array(scan.voxels.shape) - 3)).all(axis=-1)
    assert deep.sum() > 500
    np.testing.assert_allclose(grid.voxels[deep], ramp(places)[deep], atol=1e-3)
    corners = scan.position_mm(np.array([[-0.5] * 3, np.array(scan.voxels.shape) - 0.5]))
    assert (corners >= places.min(axis=(0, 1, 2)) - 1.5).all()
    assert (corners <= places.max(axis=(0, 1, 2)) + 1.5).all()


def test_the_same_spacing_is_not_resampled():
    scan = scan_of(ramp, (8, 9, 10), (1.0, 2.0, 1.0))
    grid = onto_grid(scan, (1.0, 2.0, 1.0))
    assert grid.voxels is scan.voxels
    assert grid.origin_mm == scan.origin_mm


def test_the_same_spacing_on_oblique_axes_is_resampled():
    scan = scan_of(ramp, (20, 20, 20), (1.0, 1.0, 1.0), axes=turned((0, 0, 30)))
    assert onto_grid(scan, (1.0, 1.0, 1.0)).voxels.shape != scan.voxels.shape


@pytest.mark.parametrize("new", [(1.0, 1.0, 1.0), (1.3, 2.0, 3.7), (40.0, 1.0, 1.0)])
def test_the_grid_has_the_middle_of_the_field_and_stays_in_it(new):
    scan = scan_of(ramp, (17, 12, 9), (1.5, 2.0, 2.5), (3.0, 4.0, 5.0))
    grid = onto_grid(scan, new)
    places = grid_places(grid)
    low = np.array(scan.origin_mm) - np.array(scan.spacing_mm) / 2
    high = low + np.array(scan.voxels.shape) * np.array(scan.spacing_mm)
    np.testing.assert_allclose(places.mean(axis=(0, 1, 2)), (low + high) / 2, atol=1e-9)
    assert (places.reshape(-1, 3).min(axis=0) >= low).all()
    assert (places.reshape(-1, 3).max(axis=0) <= high).all()


def test_detail_finer_than_the_new_voxels_is_smoothed_away():
    fine = np.random.default_rng(0).normal(0, 100, (48, 48, 48)).astype(np.float32)
    scan = Scan("noise", fine, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
    coarse = onto_grid(scan, (4.0, 4.0, 4.0)).voxels
    # The mean of 4 x 4 x 4 voxels of white noise has an eighth of its spread; picking voxels would keep about a third.
    assert coarse.std() < 100 / 5
    alike = onto_grid(scan, (1.25, 1.25, 1.25)).voxels
    assert alike.std() > 100 / 2.9  # a slightly coarser grid only interpolates


def test_smoothing_follows_the_axis_that_gets_coarser():
    stripes = np.zeros((40, 12, 12), np.float32)
    stripes[::2] = 100.0
    scan = Scan("stripes", stripes, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
    grid = onto_grid(scan, (4.0, 1.0, 1.0))
    np.testing.assert_allclose(grid.voxels[1:-1], 50.0, atol=2.0)
    other = onto_grid(scan, (1.0, 4.0, 1.0))
    np.testing.assert_allclose(other.voxels[::2], 100.0, atol=1e-3)


def test_the_callers_voxels_are_not_touched():
    scan = scan_of(ramp, (20, 20, 20), (1.0, 1.0, 1.0))
    before = scan.voxels.copy()
    onto_grid(scan, (3.0, 3.0, 3.0))
    np.testing.assert_array_equal(scan.voxels, before)


def test_agrees_with_simpleitk_on_an_image_with_its_own_geometry():
    rng = np.random.default_rng(4)
    scan = scan_of(lambda places: rng.normal(size=places.shape[:3]), (14, 15, 16), (1.0, 1.0, 1.0), (2.0, 3.0, 4.0))
    grid = onto_grid(scan, (0.8, 0.9, 0.7))
    image = sitk.GetImageFromArray(np.ascontiguousarray(scan.voxels.transpose(2, 1, 0)))
    image.SetOrigin(scan.origin_mm)
    for voxel in rng.integers(2, 12, (20, 3)):
        place = np.array(grid.origin_mm) + voxel * np.array(grid.spacing_mm)
        wanted = image.EvaluateAtPhysicalPoint(place.tolist(), sitk.sitkLinear)
        assert grid.voxels[tuple(voxel)] == pytest.approx(wanted, abs=1e-5)
