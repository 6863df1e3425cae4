"""Values between the centres of cells, against laws of linear interpolation."""

import torch

from orienteer.geometry.frames import cell_to_voxel
from orienteer.geometry.sampling import sample_maps

SIZE, STRIDE = (16, 12, 8), (4, 2, 2)
CELLS = (4, 6, 4)


def random_maps(items: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.randn(items, channels, *CELLS, generator=torch.Generator().manual_seed(0))


def test_at_the_centre_of_a_cell_the_value_is_that_of_the_cell():
    maps = random_maps()
    cells = torch.tensor([[0, 0, 0], [3, 5, 3], [1, 4, 2]])
    points_vox = cell_to_voxel(cells.float(), STRIDE).expand(2, 3, 3)
    values = sample_maps(maps, points_vox, SIZE)
    for item in range(2):
        for number, (i, j, k) in enumerate(cells.tolist()):
            torch.testing.assert_close(values[item, number], maps[item, :, i, j, k], atol=1e-5, rtol=1e-4)


def test_a_linear_map_is_reproduced_between_its_cells():
    grid = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in CELLS), indexing="ij"))
    points_cell = torch.rand(1, 50, 3, generator=torch.Generator().manual_seed(1)) * (torch.tensor(CELLS) - 1)
    values = sample_maps(grid[None], cell_to_voxel(points_cell, STRIDE), SIZE)
    torch.testing.assert_close(values, points_cell, atol=1e-4, rtol=0)


def test_beyond_the_outermost_centres_the_value_is_that_of_the_nearest_point():
    maps = random_maps()
    corner = torch.tensor([[[-0.5, -0.5, -0.5]]]).expand(2, 1, 3)
    torch.testing.assert_close(sample_maps(maps, corner, SIZE)[:, 0], maps[:, :, 0, 0, 0])


def test_no_points_give_no_values():
    assert sample_maps(random_maps(), torch.zeros(2, 0, 3), SIZE).shape == (2, 0, 3)
