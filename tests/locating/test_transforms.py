"""The ITK transform is the map, point by point, written and read by SimpleITK."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.locating.affine import Affine
from orienteer.locating.bending import Bent
from orienteer.locating.splines import control_grid
from orienteer.locating.transforms import write_transform

AFFINE = Affine(np.array([[1.1, 0.1, 0], [-0.05, 0.9, 0.02], [0.03, 0, 1.2]]), np.array([12.0, -7, 30]))
LOW, HIGH = np.array([-80.0, -60, 100]), np.array([90.0, 70, 320])


@pytest.mark.parametrize("bends", [False, True])
def test_itk_maps_points_as_the_map_does(bends: bool, tmp_path: Path):
    rng = np.random.default_rng(0)
    grid = control_grid(LOW, HIGH, 40.0)
    bent = Bent(AFFINE, grid, rng.normal(0, 6, (grid.count, 3))) if bends else Bent(AFFINE)
    write_transform(tmp_path / "a.h5", bent)
    transform = sitk.ReadTransform(str(tmp_path / "a.h5"))
    points = rng.uniform(LOW, HIGH, (40, 3))
    flip = np.array([-1.0, -1, 1])
    by_itk = np.array([transform.TransformPoint((point * flip).tolist()) for point in points]) * flip
    assert by_itk == pytest.approx(bent(points), abs=1e-3)
    if bends:
        assert np.linalg.norm(bent(points) - AFFINE(points), axis=1).mean() > 1


def test_resampling_with_it_shows_the_scan_on_the_template(tmp_path: Path):
    image = sitk.GaussianSource(sitk.sitkFloat32, [40, 40, 40], [5.0] * 3, [20.0, 18.0, 25.0])
    shift = Affine(np.eye(3), np.array([3.0, 0, 0]))  # the template's places lie 3 mm further right in the scan
    write_transform(tmp_path / "a.h5", Bent(shift))
    shown = sitk.Resample(image, image, sitk.ReadTransform(str(tmp_path / "a.h5")))
    assert shown[20 + 3, 18, 25] == pytest.approx(image[20, 18, 25])  # LPS: right is towards lower x
