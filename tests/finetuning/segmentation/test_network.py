"""A segmentation network holds the encoder's weights, and computes logits of the size of its images."""

from typing import NamedTuple

import pytest
import torch

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.finetuning.segmentation.network import (
    FilledNetwork,
    Segmenter,
    build_segmenter,
    fill_encoder,
    load_unique,
    unique_state,
)
from orienteer.types import Triple
from tests.helpers.small_encoders import SMALL, VARIANTS

SEGMENTING = {name: small for name, small in {**SMALL, **VARIANTS}.items() if name != "vit"}


class Built(NamedTuple):
    """An encoder, the network that holds its weights, and the size of its views."""

    encoder: Encoder
    segmenter: Segmenter
    filled: FilledNetwork
    view_size: Triple


@pytest.fixture(scope="module", params=SEGMENTING.values(), ids=SEGMENTING)
def built(request) -> Built:
    """Each family's network, built once. Its norms are not those of a new one, so that none can be mixed up unseen."""
    small = request.param
    encoder = small.build()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Built(encoder, *build_segmenter(encoder, 3, deep_supervision=True, seed=0), small.view_size)


def test_the_network_holds_every_weight_of_the_encoder(built):
    state, weights = built.segmenter.network.state_dict(), built.encoder.transferable()
    assert weights
    for name, tensor in weights.items():
        torch.testing.assert_close(state[name], tensor, rtol=0, atol=0)
    new = built.filled.new
    assert not set(new) & set(weights)
    assert any(state[name].ndim == 5 and 3 in state[name].shape[:2] for name in new)  # the output layer


def test_every_level_of_the_encoder_is_known_by_name(built):
    encoder, level = built.encoder, built.filled.level
    parameters = dict(built.segmenter.network.named_parameters())
    assert set(level.values()) == set(range(len(encoder.channels)))
    assert set(level) <= set(parameters)
    decoder = {id(parameter) for parameter in encoder.decoder().parameters()}  # trained as one, pretrained or not
    numbers = sum(parameter.numel() for parameter in encoder.parameters() if id(parameter) not in decoder)
    assert sum(parameters[name].numel() for name in level) == numbers


def test_logits_have_the_size_of_the_images(built):
    with torch.no_grad():
        logits = built.segmenter.eval()(torch.zeros(1, 1, *built.view_size))
    assert logits.shape == (1, 3, *built.view_size)


def test_saved_weights_come_back_whole(built):
    network = built.segmenter.network
    state = {name: tensor.clone() for name, tensor in unique_state(network).items()}
    other = Segmenter(built.segmenter.target, built.segmenter.arguments)
    load_unique(other.network, state, "test")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(other.network.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["tiny", "dynunet", "mednext-s", "residual"])
def test_deep_supervision_gives_several_outputs_while_training_alone(name):
    small = SMALL[name]
    segmenter, _ = build_segmenter(small.build(), 3, deep_supervision=True, seed=0)
    images = torch.rand(2, 1, *small.view_size)
    outputs = segmenter.train()(images)
    assert isinstance(outputs, list)
    assert len(outputs) > 1
    assert outputs[0].shape == (2, 3, *small.view_size)
    assert isinstance(segmenter.eval()(images), torch.Tensor)


@pytest.mark.parametrize("name", ["tiny", "segresnet", "swinunetr"])
def test_without_deep_supervision_there_is_one_output(name):
    segmenter, _ = build_segmenter(SMALL[name].build(), 3, deep_supervision=name != "tiny", seed=0)
    with torch.no_grad():
        assert isinstance(segmenter.train()(torch.zeros(1, 1, *SMALL[name].view_size)), torch.Tensor)


def test_half_resolution_logits_lie_at_the_centres_of_their_cells():
    segmenter, _ = build_segmenter(SMALL["tiny"].build(), 2, deep_supervision=False, seed=0)
    centres = torch.arange(8) * 2 + 0.5  # of cells of two voxels, in voxels

    class Ramp(torch.nn.Module):
        def forward(self, images):
            return centres[:, None, None].expand(1, 2, 8, 8, 8)

    segmenter.network = Ramp()
    logits = segmenter.eval()(torch.zeros(1, 1, 16, 16, 16))
    torch.testing.assert_close(logits[0, 0, 1:-1, 3, 3], torch.arange(1.0, 15.0))


def test_new_weights_follow_the_seed_and_leave_other_random_numbers_alone():
    encoder = SMALL["tiny"].build()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = (build_segmenter(encoder, 2, False, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_weights_of_another_architecture_are_refused_by_name():
    segmenter, _ = build_segmenter(SMALL["tiny"].build(), 2, False, 0)
    with pytest.raises(
        InputError, match=r"wanted the weights of the network in model.json, got .* missing .*1 unexpected"
    ):
        load_unique(segmenter.network, {"elsewhere.weight": torch.zeros(3)}, "model.safetensors")
    wider = build_encoder("tiny", (16, 16, 16), filters=[8, 12, 16, 20], stem_stride=1)
    with pytest.raises(InputError, match=r"weights: wanted names and shapes of .*of another shape \['input_block"):
        fill_encoder(segmenter.network, wider)


def test_an_encoder_without_a_segmentation_network_is_refused():
    with pytest.raises(InputError, match="part of a segmentation network, got 'vit'"):
        build_segmenter(SMALL["vit"].build(), 2, False, 0)


def test_bfloat16_gives_right_gradients_where_the_processor_is_wrong():
    """A grid of two cells along the first axis: there torch's bfloat16 convolutions lose their weight gradient."""
    encoder = build_encoder("tiny", (16, 16, 16), filters=[4, 4, 4, 4], stem_stride=1)
    segmenter, _ = build_segmenter(encoder, 2, False, 0)
    images = torch.rand(2, 1, 16, 32, 32, generator=torch.Generator().manual_seed(0))

    def gradient(half: bool) -> torch.Tensor:
        segmenter.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            segmenter(images).float().square().mean().backward()
        return segmenter.network.bottleneck.conv2.conv.weight.grad.clone()

    exact, half = gradient(False), gradient(True)
    assert (half - exact).norm() < 0.5 * exact.norm()
