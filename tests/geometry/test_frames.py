import math

import pytest
import torch

from orienteer.geometry.frames import (
    add_axes,
    cell_offsets_mm,
    cell_to_voxel,
    divide_axes,
    mm_to_voxel,
    multiply_axes,
    voxel_to_cell,
    voxel_to_mm,
)


def oblique_axes(degrees: float = 23.0) -> torch.Tensor:
    """Axes turned about 2, then about 0; not symmetric, so that a forgotten transpose shows."""
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    about_2 = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    about_0 = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float64)
    return about_2 @ about_0


LEFT_HANDED = torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64))
SHEARED = torch.tensor([[1.0, 0.3, 0.0], [0.0, 0.954, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
SPACING, ORIGIN = (0.7, 1.25, 5.0), (-120.5, 33.0, 812.25)


@pytest.mark.parametrize(
    "axes", [None, oblique_axes(), LEFT_HANDED, SHEARED], ids=["straight", "oblique", "left", "shear"]
)
def test_voxel_to_mm_and_back(axes):
    points = torch.randn(4, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 100
    there = voxel_to_mm(points, SPACING, ORIGIN, axes)
    torch.testing.assert_close(mm_to_voxel(there, SPACING, ORIGIN, axes), points)
    torch.testing.assert_close(voxel_to_mm(mm_to_voxel(points, SPACING, ORIGIN, axes), SPACING, ORIGIN, axes), points)


def test_voxel_to_mm_is_the_affine_of_the_header():
    axes = oblique_axes()
    affine = torch.eye(4, dtype=torch.float64)
    affine[:3, :3], affine[:3, 3] = axes @ torch.diag(torch.tensor(SPACING).double()), torch.tensor(ORIGIN).double()
    point = torch.tensor([3.0, 10.5, -2.0], dtype=torch.float64)
    expected = (affine @ torch.cat([point, torch.ones(1, dtype=torch.float64)]))[:3]
    torch.testing.assert_close(voxel_to_mm(point, SPACING, ORIGIN, axes), expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_voxel_along_an_axis_is_one_spacing_along_its_direction(axis):
    axes = oblique_axes()
    step = torch.zeros(2, 3, dtype=torch.float64)
    step[1, axis] = 1
    start_mm, end_mm = voxel_to_mm(step, SPACING, ORIGIN, axes)
    torch.testing.assert_close(end_mm - start_mm, axes[:, axis] * SPACING[axis])


def test_cells_and_voxels_round_trip_with_unequal_strides():
    points = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 10
    torch.testing.assert_close(cell_to_voxel(voxel_to_cell(points, (1, 4, 8)), (1, 4, 8)), points)


def test_the_edges_of_a_view_are_the_edges_of_its_feature_map():
    low, high = torch.full((3,), -0.5), torch.tensor([31.5, 47.5, 15.5])
    torch.testing.assert_close(voxel_to_cell(low, (8, 8, 4)), torch.full((3,), -0.5))
    torch.testing.assert_close(voxel_to_cell(high, (8, 8, 4)), torch.tensor([3.5, 5.5, 3.5]))


def test_stride_one_changes_nothing():
    points = torch.tensor([0.25, -0.5, 7.0])
    torch.testing.assert_close(voxel_to_cell(points, (1, 1, 1)), points)


def test_per_axis_arithmetic_equals_broadcasting():
    lengths = (2.0, 3.0, 0.5)
    points = torch.rand(2, 5, 3)
    torch.testing.assert_close(divide_axes(points, lengths), points / torch.tensor(lengths))
    torch.testing.assert_close(multiply_axes(points, lengths), points * torch.tensor(lengths))
    torch.testing.assert_close(add_axes(points, lengths), points + torch.tensor(lengths))
    assert divide_axes(torch.rand(0, 3), lengths).shape == (0, 3)


def test_cell_offsets_are_the_voxels_of_the_cells_seen_from_the_centre_of_the_view():
    size, stride, spacing = (16, 12, 8), (4, 2, 8), (1.5, 2.0, 3.0)
    offsets = cell_offsets_mm(size, stride, spacing)
    assert offsets.shape == (3, 4, 6, 1)
    torch.testing.assert_close(offsets.mean(dim=(1, 2, 3)), torch.zeros(3))
    for cell in ((0, 0, 0), (3, 5, 0), (1, 2, 0)):
        voxel = cell_to_voxel(torch.tensor(cell, dtype=torch.float32), stride)
        expected = (voxel - (torch.tensor(size) - 1) / 2) * torch.tensor(spacing)
        torch.testing.assert_close(offsets[:, *cell], expected)
