import pytest
import torch
from torch import Tensor, nn

from orienteer.encoders import build_encoder
from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails


def test_gradients_in_bf16_are_those_of_float32_down_to_the_smallest_grid() -> None:
    # The deepest grid has 2 cells along the first axis, where the library's bfloat16 weight gradient is garbage.
    encoder, images = _encoder_and_images()
    _last_level(encoder, images).square().mean().backward()
    exact = {name: parameter.grad.clone() for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        last = _last_level(encoder, images)
    last.square().mean().backward()
    for name, gradient in exact.items():
        difference = (encoder.get_parameter(name).grad - gradient).norm() / gradient.norm()
        assert difference < 0.3, f"{name}: {difference:.2f}"


def test_checkpointed_stages_are_exact_too() -> None:
    encoder, images = _encoder_and_images()
    gradients = []
    for recompute in (False, True):
        encoder.zero_grad()
        encoder.grad_checkpointing = recompute
        with torch.autocast("cpu", dtype=torch.bfloat16):
            last = _last_level(encoder, images)
        last.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, kept)


@pytest.mark.parametrize(
    ("stage", "cells0"),
    [
        (nn.Conv3d(4, 4, 3, padding=1), 8),  # enough cells
        (nn.Conv3d(4, 4, 3, padding=1, groups=4), 2),  # depthwise
        (nn.Conv3d(4, 4, 2, stride=2), 2),  # patches
        (nn.Conv3d(4, 4, 1), 2),
        (nn.Linear(4, 4), 2),
    ],
)
def test_what_is_right_in_bf16_stays_there(stage: nn.Module, cells0: int) -> None:
    x = torch.zeros(1, 4, cells0, 2, 2, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16), exact_where_bf16_fails(stage, x, cells0) as same:
        assert same is x
        assert torch.is_autocast_enabled("cpu")


def test_without_autocast_nothing_changes() -> None:
    x = torch.zeros(1, 4, 2, 2, 2, dtype=torch.float64)
    with exact_where_bf16_fails(nn.Conv3d(4, 4, 3, padding=1), x, 2) as same:
        assert same is x


def _encoder_and_images() -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = build_encoder("segresnet", (16, 32, 32), init_filters=8, blocks_down=[1, 1, 1, 2])
        return encoder, torch.randn(2, 1, 16, 32, 32)


def _last_level(encoder: nn.Module, images: Tensor) -> Tensor:
    return encoder(images)[-1].float()
