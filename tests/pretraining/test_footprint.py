"""What a step needs on a GPU is counted as one counts it by hand."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from orienteer.methods import METHODS, listed_tasks
from orienteer.pretraining.dry_run import backward, count_step, random_views
from orienteer.pretraining.footprint import FIXED_BYTES, TRAINED_BYTES, Footprint, counted, weight_bytes
from orienteer.pretraining.module import Pretraining
from orienteer.runs.network import build_network, task_weights
from orienteer.runs.run_config import RunConfig
from tests.helpers.run_settings import run_config


def test_operations_and_memory_of_a_convolution_are_those_by_hand() -> None:
    layer = nn.Conv3d(2, 4, kernel_size=3, padding=1)
    image = torch.ones(1, 2, 8, 8, 8, requires_grad=True)
    with counted(layer) as footprint:
        layer(image).sum().backward()
    forward = 2 * 8**3 * 4 * 2 * 27
    assert footprint.flops == 3 * forward  # forward, for the weights, and for the image
    assert footprint.weight_bytes == TRAINED_BYTES * (4 * 2 * 27 + 4)
    image_bytes, map_bytes, sum_bytes = 2 * 8**3 * 4, 4 * 8**3 * 4, 4
    assert footprint.peak_bytes == image_bytes + map_bytes + sum_bytes  # without the weights
    assert footprint.memory_bytes == footprint.weight_bytes + footprint.peak_bytes


def test_what_is_gone_is_not_counted_any_more() -> None:
    x = torch.ones(1000)
    with counted(nn.Identity()) as footprint:
        for _ in range(5):
            y = (x + 1) * 2
            del y
    assert footprint.peak_bytes == 3 * x.numel() * 4  # x, the sum, the product


def test_a_teacher_takes_its_weights_only() -> None:
    teacher = nn.Linear(3, 5, bias=False).requires_grad_(False)
    assert weight_bytes(teacher) == FIXED_BYTES * 15
    assert weight_bytes(nn.ModuleList([teacher, nn.Linear(3, 5, bias=False)])) == (FIXED_BYTES + TRAINED_BYTES) * 15


def test_maps_grow_with_the_scans_and_shrink_with_precision() -> None:
    config = run_config()
    one = _footprint(replace(config, batch=2, accumulate=2))
    two, half = _footprint(replace(config, batch=2)), _footprint(replace(config, batch=2, precision="bf16"))
    assert one.weight_bytes == two.weight_bytes == half.weight_bytes
    assert 1.7 < two.peak_bytes / one.peak_bytes < 2.1  # gradients of the weights do not grow
    assert 1.9 < two.flops / one.flops < 2.1
    assert half.peak_bytes < two.peak_bytes


@pytest.mark.parametrize("method", METHODS)
def test_counting_without_values_gives_what_computing_does(method: str) -> None:
    """For every method: none needs the values of tensors to know their sizes."""
    of = METHODS[method]
    given = {"views": of.views, "layout": of.layout, "teacher": of.teacher, "distortion": asdict(of.distortion)}
    config = run_config(
        method=method, tasks=listed_tasks(of), only_tasks=True, batch=2, view_size=[32, 32, 32], **given
    )
    computed, counts = _footprint(config), count_step(config)
    assert (counts.weight_bytes, counts.flops) == (computed.weight_bytes, computed.flops)
    assert counts.peak_bytes == pytest.approx(computed.peak_bytes, rel=0.1)  # some are split into parts


def _footprint(config: RunConfig) -> Footprint:
    network = build_network(config)
    module = Pretraining(network, task_weights(config), config)
    with counted(module) as footprint:
        backward(module, random_views(config), config)
    return footprint
