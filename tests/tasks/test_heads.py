"""Heads: one result per view whatever its companions, and full precision where positions are read out."""

import pytest
import torch
from torch import nn

from orienteer.tasks.base import FeatureSpec
from orienteer.tasks.heads import (
    Gather,
    Pointwise,
    Pyramid,
    ViewVector,
    full_precision,
    linear_float32,
    per_view,
    position_read_out,
)
from tests.helpers.synthetic import SPECS, make_features


def test_per_view_equals_a_loop_over_views():
    network, maps = nn.Conv3d(8, 5, kernel_size=3), make_features().levels[0]
    result = per_view(network, maps)
    assert result.shape[:3] == (2, 3, 5)
    for item in range(2):
        for view in range(3):
            torch.testing.assert_close(result[item, view], network(maps[item, view][None])[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cells", [(1, 1, 1), (2, 3, 4), (6, 1, 2)])
def test_a_view_vector_depends_on_its_own_view_alone(cells):
    head, maps = ViewVector(FeatureSpec(8, (4, 4, 4)), width=12), torch.randn(2, 3, 8, *cells)
    z = head(maps)
    assert z.shape == (2, 3, 12)
    torch.testing.assert_close(head(maps[1:, 2:]), z[1:, 2:], atol=1e-5, rtol=1e-4)


def test_the_scale_of_a_feature_map_does_not_matter():
    head, maps = ViewVector(FeatureSpec(8, (4, 4, 4)), width=12), torch.randn(1, 2, 8, 3, 3, 3)
    head.reduce[0].bias.data.zero_()
    torch.testing.assert_close(head(1000 * maps), head(10 * maps), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_pyramid_has_the_cells_of_its_level_and_ignores_finer_ones(level):
    levels = make_features(grad=True).levels
    combined = Pyramid(SPECS, 6, level)(levels)
    assert combined.shape == (2, 3, 6, *levels[level].shape[-3:])
    combined.square().sum().backward()
    assert [maps.grad is not None for maps in levels] == [number >= level for number in range(3)]


def test_positions_are_read_out_in_float32_under_autocast():
    layer, z = position_read_out(16), torch.randn(4, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        positions = linear_float32(z.bfloat16(), layer)
    assert positions.dtype == torch.float32
    torch.testing.assert_close(positions, nn.functional.linear(z.bfloat16().float(), layer.weight))
    assert layer.bias is None


def test_full_precision_switches_autocast_off_and_on_again():
    a = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with full_precision(a.device):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16
    with full_precision(torch.device("meta")):
        assert (a @ a).dtype == torch.float32


def test_a_pointwise_layer_is_the_convolution_with_its_gradients():
    layer = Pointwise(4, 6)
    maps = torch.randn(2, 4, 3, 5, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    results = []
    for result in (layer(maps), torch.nn.functional.conv3d(maps, layer.weight, layer.bias)):
        results.append((result, *torch.autograd.grad(result.square().sum(), [maps, *layer.parameters()])))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cells", [(1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 3, 1), (4, 2, 5)])
def test_a_gathering_layer_is_the_convolution_with_its_gradients(cells):
    layer = Gather(4)
    maps = torch.randn(3, 4, *cells, generator=torch.Generator().manual_seed(0), requires_grad=True)
    results = []
    for result in (layer(maps), torch.nn.Conv3d.forward(layer, maps)):
        results.append((result, *torch.autograd.grad(result.square().sum(), [maps, *layer.parameters()])))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
