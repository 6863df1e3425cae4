"""The scan as the page shows it."""

import numpy as np
import pytest

from orienteer.explorer import showing as module
from orienteer.explorer.showing import box_mm, show
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_read
from orienteer.scans.source import Scan

PREPARATION = Preparation((6.0, 6.0, 6.0), crop_to_body=False)


def a_scan(values: np.ndarray, modality: str = "CT", spacing_mm: tuple[float, float, float] = (2.0, 3.0, 2.0)) -> Scan:
    return Scan("a.nii", values.astype(np.float32), spacing_mm, (5.0, -7.0, 9.0), np.eye(3), modality, "NIfTI")


@pytest.fixture
def values() -> np.ndarray:
    values = np.full((36, 24, 36), -1000.0)
    values[6:30, 4:20, 6:30] = np.random.default_rng(0).integers(-100, 1900, (24, 16, 24))
    return values


def test_a_ct_keeps_its_hu_and_its_voxels(values: np.ndarray) -> None:
    scan = a_scan(values)
    shown = show(scan, prepare_read(scan, PREPARATION))
    assert (shown.slope, shown.intercept, shown.spacing_mm) == (1.0, 0.0, scan.spacing_mm)
    np.testing.assert_array_equal(shown.voxels, values)  # the prepared scan is clipped to its window
    assert shown.origin_mm == scan.origin_mm


def test_the_values_of_mr_are_kept_to_a_step_of_the_integers(values: np.ndarray) -> None:
    scan = a_scan((values + 1000) * 1e-4, "MR")
    shown = show(scan, prepare_read(scan, PREPARATION))
    assert shown.slope < 1e-5
    np.testing.assert_allclose(shown.voxels * shown.slope + shown.intercept, scan.voxels, atol=shown.slope)
    assert scan.voxels.min() <= shown.window[0] < shown.window[1] <= scan.voxels.max()


def test_it_lies_in_the_box_of_the_prepared_scan(values: np.ndarray) -> None:
    scan = a_scan(values)
    arrays = prepare_read(scan, Preparation((6.0, 6.0, 6.0), margin_mm=0.0))
    shown = show(scan, arrays)
    low, high = box_mm(arrays)
    last = np.array(shown.origin_mm) + (np.array(shown.shape_vox) - 1) * shown.spacing_mm
    assert (np.array(shown.origin_mm) >= low).all()
    assert (last <= high).all()
    assert (np.array(shown.origin_mm) - low < shown.spacing_mm).all()
    assert (high - last < shown.spacing_mm).all()
    assert shown.shape_vox < scan.voxels.shape
    step = np.rint((np.array(shown.origin_mm) - scan.origin_mm) / scan.spacing_mm).astype(int)
    np.testing.assert_array_equal(shown.voxels[0, 0], values[step[0], step[1], step[2] : step[2] + shown.shape_vox[2]])


def test_a_large_scan_is_shown_coarser(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VOXELS", values.size // 8)
    scan = a_scan(values)
    shown = show(scan, prepare_read(scan, PREPARATION))
    np.testing.assert_allclose(shown.spacing_mm, np.array(scan.spacing_mm) * 2)
    assert shown.native_mm == scan.spacing_mm
