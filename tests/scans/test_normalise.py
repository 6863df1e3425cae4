import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.scans.normalise import check_contrast, check_range, intensity_range, to_stored, to_values

WINDOW, PERCENTILES = (-1000.0, 1000.0), (0.5, 99.5)


def test_ct_window_does_not_depend_on_the_scan():
    voxels = np.random.default_rng(0).normal(0, 300, (6, 7, 8)).astype(np.float32)
    body = np.ones(voxels.shape, bool)
    assert intensity_range(voxels, body, "CT", (-200.0, 300.0), PERCENTILES) == (-200.0, 300.0)
    assert intensity_range(voxels * 2, body, "CT", (-200.0, 300.0), PERCENTILES) == (-200.0, 300.0)


def test_mr_range_ignores_air_and_follows_scale_and_shift():
    rng = np.random.default_rng(0)
    voxels = rng.uniform(100, 200, (20, 20, 20)).astype(np.float32)
    body = np.zeros(voxels.shape, bool)
    body[5:15, 5:15, 5:15] = True
    low, high = intensity_range(voxels, body, "MR", WINDOW, PERCENTILES)
    assert (low, high) == pytest.approx(np.percentile(voxels[5:15, 5:15, 5:15], PERCENTILES))
    with_dark_air = np.where(body, voxels, 0).astype(np.float32)
    assert intensity_range(with_dark_air, body, "MR", WINDOW, PERCENTILES) == (low, high)
    low3, high3 = intensity_range(voxels * 3 + 7, body, "MR", WINDOW, PERCENTILES)
    assert (low3, high3) == pytest.approx((low * 3 + 7, high * 3 + 7), rel=1e-5)


def test_stored_values_equal_the_formula_and_come_back():
    voxels = np.random.default_rng(1).normal(50, 700, (5, 6, 7)).astype(np.float32)
    stored = to_stored(voxels, -1000.0, 1000.0)
    wanted = np.clip(voxels.astype(np.float64) / 1000, -1, 1)
    assert stored.dtype == np.int16
    values = to_values(stored)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, wanted, atol=0.5e-3 + 1e-7)


def test_hu_within_the_window_are_stored_exactly():
    voxels = np.arange(-1000, 1001, dtype=np.float32).reshape(1, 3, 667)
    np.testing.assert_array_equal(to_stored(voxels, -1000.0, 1000.0), voxels.astype(np.int16))


def test_lower_percentile_is_minus_one_and_huge_values_survive():
    voxels = np.array([[[0.0, 1.7e6, 3.4e38]]], dtype=np.float32)
    assert to_stored(voxels, 0.0, 1.7e6).tolist() == [[[-1000, 1000, 1000]]]


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.0), (5.0, 4.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_a_body_of_one_value_is_refused(low, high):
    with pytest.raises(ScanError, match=r"head\.nii: wanted a body with different values") as caught:
        check_range("head.nii", low, high)
    assert caught.value.step == "normalise"


def test_a_scan_that_the_window_makes_constant_is_refused():
    stored = to_stored(np.random.default_rng(0).uniform(3000, 4000, (4, 4, 4)).astype(np.float32), -1000.0, 1000.0)
    with pytest.raises(ScanError, match="got 1 in every voxel"):
        check_contrast("metal.nii", stored)
