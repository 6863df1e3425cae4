import numpy as np
import pytest
import torch

from orienteer.geometry.boxes import (
    box_averages,
    box_corners,
    box_grids,
    coverage_weights,
    overlap_fractions,
    view_centre_vox,
)


def ramp(shape: tuple[int, int, int]) -> torch.Tensor:
    """Three channels, each the cell's own number along one axis."""
    return torch.stack(torch.meshgrid(*[torch.arange(float(size)) for size in shape], indexing="ij"))


@pytest.mark.parametrize("size", [(4, 4, 4), (5, 7, 3), (32, 48, 31)])
def test_a_box_as_large_as_the_view_covers_exactly_the_view(size):
    low, high = box_corners(torch.tensor(view_centre_vox(size)), size)
    torch.testing.assert_close(low, torch.full((3,), -0.5))
    torch.testing.assert_close(high, torch.tensor(size) - 0.5)


def test_coverage_is_the_naive_overlap_of_intervals():
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(50, generator=generator) * 8 - 1
    high = low + 0.05 + torch.rand(50, generator=generator) * 6
    weights = coverage_weights(low, high, 6)
    for box in range(50):
        for cell in range(6):
            overlap = max(0.0, min(high[box].item(), cell + 0.5) - max(low[box].item(), cell - 0.5))
            assert weights[box, cell].item() == pytest.approx(overlap / (high[box] - low[box]).item(), abs=1e-5)


def test_coverage_adds_up_to_one_inside_and_to_less_where_a_box_reaches_out():
    inside = coverage_weights(torch.tensor([-0.5, 0.3]), torch.tensor([4.5, 0.4]), 5)
    torch.testing.assert_close(inside.sum(-1), torch.ones(2))
    outside = coverage_weights(torch.tensor([-1.5]), torch.tensor([0.5]), 5)
    torch.testing.assert_close(outside.sum(-1), torch.tensor([0.5]))


@pytest.mark.parametrize("size", [(8.0, 8.0, 8.0), (7.5, 3.5, 5.5), (2.25, 9.0, 1.0)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 2), (4, 2, 1)])
def test_the_average_of_a_ramp_over_aligned_and_odd_boxes(size, stride):
    """A ramp over voxels, averaged to cells exactly, has the box's own middle as its average over whole cells."""
    cells = tuple(16 // s for s in stride)
    voxels = ramp((16, 16, 16))
    maps = torch.nn.functional.avg_pool3d(voxels[None], stride)
    # A box of whole cells: round the size up to cells, the middle to a cell edge.
    size_vox = tuple(max(2 * s, round(edge / (2 * s)) * 2 * s) for edge, s in zip(size, stride, strict=True))
    middle = torch.tensor([[[s * (c // 2) - 0.5 for s, c in zip(stride, cells, strict=True)]]])
    low, high = box_corners(middle, size_vox)
    torch.testing.assert_close(box_averages(maps, low, high, stride)[0, 0], middle[0, 0])


def test_fractional_boxes_match_a_fine_numerical_average():
    """The piecewise constant map, sampled at many points of the box, averages to the same number."""
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(2, 3, 5, 4, 6, generator=generator)
    stride = (2, 3, 1)
    low = torch.tensor([[[-0.3, 0.6, 1.2], [2.0, 1.0, 0.0]], [[1.1, 2.2, 2.9], [0.0, 0.0, 0.0]]])
    high = low + torch.tensor([4.7, 5.5, 2.5])
    got = box_averages(maps, low, high, stride)
    steps = (torch.arange(60) + 0.5) / 60
    for item in range(2):
        for box in range(2):
            picked = maps[item]
            for axis in range(3):
                at_vox = low[item, box, axis] + steps * (high - low)[item, box, axis]
                cell = ((at_vox + 0.5) / stride[axis]).floor().long()
                picked = picked.index_select(1 + axis, cell)
            torch.testing.assert_close(got[item, box], picked.mean(dim=(1, 2, 3)), atol=0.02, rtol=0)


def test_the_average_over_the_whole_map_is_its_mean_on_every_level():
    maps = torch.rand(2, 4, 3, 6, 5)
    low, high = box_corners(torch.tensor(view_centre_vox((12, 24, 10))).expand(2, 1, 3), (12, 24, 10))
    torch.testing.assert_close(box_averages(maps, low, high, (4, 4, 2))[:, 0], maps.mean(dim=(2, 3, 4)))


def test_a_map_of_one_cell_gives_that_cell():
    maps = torch.rand(1, 4, 1, 1, 1)
    low, high = box_corners(torch.tensor([[[3.0, 3.5, 4.0]]]), (4, 4, 4))
    torch.testing.assert_close(box_averages(maps, low, high, (8, 8, 8))[0, 0], maps[0, :, 0, 0, 0])


def test_no_boxes_give_no_averages():
    assert box_averages(torch.rand(2, 4, 3, 3, 3), torch.zeros(2, 0, 3), torch.zeros(2, 0, 3), (1, 1, 1)).shape == (
        2,
        0,
        4,
    )


def test_gradient_reaches_every_covered_cell_and_no_other():
    maps = torch.rand(1, 1, 4, 4, 4, requires_grad=True)
    low, high = box_corners(torch.tensor([[[0.5, 0.5, 0.5]]]), (2, 2, 2))
    box_averages(maps, low, high, (1, 1, 1)).sum().backward()
    covered = torch.zeros(4, 4, 4)
    covered[:2, :2, :2] = 1 / 8
    torch.testing.assert_close(maps.grad[0, 0], covered)


def test_grids_keep_the_average_of_their_box():
    generator = torch.Generator().manual_seed(4)
    volumes = torch.rand(2, 9, 7, 11, generator=generator)
    low = torch.tensor([[[0.2, 0.0, 1.7]], [[-0.5, 1.5, 2.5]]])
    high = low + torch.tensor([4.5, 3.5, 5.5])
    grids = box_grids(volumes, low, high, 8)
    whole = box_averages(volumes[:, None], low, high, (1, 1, 1))
    torch.testing.assert_close(grids.mean(dim=(2, 3, 4))[..., None], whole)


def test_a_grid_as_fine_as_the_voxels_cuts_them_out():
    volumes = torch.rand(1, 6, 6, 6)
    low, high = box_corners(torch.tensor([[[2.5, 1.5, 3.5]]]), (4, 4, 4))
    torch.testing.assert_close(box_grids(volumes, low, high, 4)[0, 0], volumes[0, 1:5, 0:4, 2:6])


def test_overlap_fractions_are_counted_voxels():
    size, spacing = (6, 5, 4), (1.5, 2.0, 3.0)
    voxels = set(np.ndindex(*size))
    for shift in [(0, 0, 0), (2, -1, 1), (5, 4, -3), (6, 0, 0), (-9, 1, 1)]:
        moved = {tuple(i + s for i, s in zip(voxel, shift, strict=True)) for voxel in voxels}
        gap_mm = torch.tensor([s * step for s, step in zip(shift, spacing, strict=True)])
        expected = len(voxels & moved) / len(voxels)
        assert overlap_fractions(gap_mm, size, spacing).item() == pytest.approx(expected, abs=1e-6)
