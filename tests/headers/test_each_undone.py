"""A layer of cubes answers to each orientation undone as if the cubes were turned one by one."""

import pytest
import torch
from torch import nn

from orienteer.errors import InputError
from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.headers.cubes import CubePolicy
from orienteer.headers.each_undone import EachUndone


@pytest.mark.parametrize(("scans", "levels", "edge"), [(3, 2, 6), (1, 1, 2), (2, 3, 4)])
def test_it_is_the_linear_layer_of_the_turned_cubes(scans, levels, edge):
    """Whose weights it takes, as files of earlier runs hold them."""
    generator = torch.Generator().manual_seed(edge)
    cubes = torch.randn(scans, levels, edge, edge, edge, generator=generator, dtype=torch.float64)
    plain, layer = nn.Linear(levels * edge**3, 5).double(), EachUndone(levels, edge, 5).double()
    layer.load_state_dict(plain.state_dict())
    turned = torch.stack([orientation.inverse.of_tensor(cubes) for orientation in ORIENTATIONS], 1)
    torch.testing.assert_close(layer(cubes), plain(turned.flatten(2)))


def test_the_basis_of_its_parts_is_orthogonal():
    """So that weights begin with the same distribution and decay alike."""
    plain, layer = nn.Linear(2 * 6**3, 5), EachUndone(2, 6, 5)
    layer.load_state_dict(plain.state_dict())
    torch.testing.assert_close(layer.parts.square().sum(), plain.weight.square().sum())


def test_cubes_of_an_odd_edge_are_refused():
    with pytest.raises(InputError, match="edge_vox"):
        CubePolicy(extent_mm=60.0, edge_vox=9)
