"""A layer of cubes answers to each orientation undone as if the cubes were turned one by one."""

import pytest
import torch

from orienteer.errors import InputError
from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.headers.cubes import CubePolicy
from orienteer.headers.each_undone import linear_of_each_undone


@pytest.mark.parametrize(("scans", "levels", "edge"), [(3, 2, 6), (1, 1, 2), (2, 3, 4)])
def test_it_is_the_layer_of_the_turned_cubes_with_its_gradient(scans, levels, edge):
    generator = torch.Generator().manual_seed(edge)
    cubes = torch.randn(scans, levels, edge, edge, edge, generator=generator, dtype=torch.float64)
    weight = torch.randn(5, levels * edge**3, generator=generator, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(5, generator=generator, dtype=torch.float64)
    turned = torch.stack([orientation.inverse.of_tensor(cubes) for orientation in ORIENTATIONS], 1)
    expected, found = turned.flatten(2) @ weight.T + bias, linear_of_each_undone(cubes, weight, bias)
    torch.testing.assert_close(found, expected)
    share = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    wanted, got = (torch.autograd.grad((answers * share).sum(), weight)[0] for answers in (expected, found))
    torch.testing.assert_close(got, wanted)


def test_cubes_of_an_odd_edge_are_refused():
    with pytest.raises(InputError, match="edge_vox"):
        CubePolicy(extent_mm=60.0, edge_vox=9)
