"""Overlays: their grid, and fields interpolated onto it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from orienteer.explorer import overlay as module
from orienteer.explorer.explorer import Explorer
from orienteer.explorer.overlay import OverlayGrid, body_cells, filled, interpolated, overlay_grid


def test_interpolation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    field = torch.from_numpy(rng.normal(size=(2, 4, 5, 3)).astype(np.float32))
    grid = OverlayGrid((7, 6, 9), (3.0, 4.0, 2.0), (1.0, -2.0, 5.0))
    origin, cell = (2.0, 0.0, 4.0), (8.0, 6.0, 10.0)
    at = [grid.origin_mm[axis] + np.arange(grid.shape[axis]) * grid.cell_mm[axis] for axis in range(3)]
    places = np.meshgrid(*((at[axis] - origin[axis]) / cell[axis] for axis in range(3)), indexing="ij")
    direct = [map_coordinates(each, places, order=1, mode="nearest") for each in field.numpy()]
    np.testing.assert_allclose(interpolated(field, origin, cell, grid), direct, atol=1e-5)


def test_a_field_of_one_cell_is_constant() -> None:
    grid = OverlayGrid((3, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert (interpolated(torch.full((1, 1, 1, 1), 4.0), (0.0,) * 3, (9.0,) * 3, grid) == 4).all()


def test_cells_without_features_take_those_of_the_nearest() -> None:
    field = torch.tensor([[[[1.0, 0.0, 0.0, 7.0]]]])
    covered = np.array([[[True, False, False, True]]])
    assert filled(field, covered)[0, 0, 0].tolist() == [1, 1, 7, 7]
    assert filled(field, ~(covered | True)) is field


def test_the_grid_is_that_of_the_scan_as_it_is_shown(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = explorer.first.shown
    grid = overlay_grid(explorer.first)
    assert (grid.shape, grid.cell_mm, grid.origin_mm) == (shown.shape_vox, shown.spacing_mm, shown.origin_mm)
    monkeypatch.setattr(module, "MOST_CELLS", np.prod(shown.shape_vox) // 8)
    coarse = overlay_grid(explorer.first)
    np.testing.assert_allclose(coarse.cell_mm, 2 * np.array(shown.spacing_mm))
    np.testing.assert_allclose(
        np.array(coarse.origin_mm) - coarse.cell_mm, np.array(shown.origin_mm) - np.array(shown.spacing_mm) * 1.5
    )
    assert np.prod(coarse.shape) <= np.prod(shown.shape_vox) // 8 * 1.2


def test_only_the_body_is_covered(explorer: Explorer) -> None:
    scan = explorer.first
    cells = body_cells(scan, explorer._features["first"], overlay_grid(scan))
    values = scan.shown.voxels * scan.shown.slope + scan.shown.intercept
    assert 0.15 < cells.mean() < 0.95
    assert values[cells].mean() > values[~cells].mean() + 300
    assert values[~cells].max() < 3000
