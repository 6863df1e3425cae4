"""Weights in a target network: all of them or an error, several input channels, second names."""

import pytest
import torch
from torch import nn

from orienteer.errors import InputError
from orienteer.exports.filling import fill_network, fit_channels, for_channels, is_first_convolution, with_second_names


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(1, 2, 3), nn.Conv3d(2, 2, 1))


def test_tensors_are_copied_and_the_others_stay() -> None:
    network = two_layers()
    before, weight = network[1].weight.clone(), torch.rand(2, 1, 3, 3, 3)
    fill_network(network, {"0.weight": weight}, "run", "weights", "train")
    assert torch.equal(network[0].weight, weight)
    assert torch.equal(network[1].weight, before)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"2.weight": torch.zeros(1)}, r"run: wanted weights, got 1 unexpected \['2.weight'\]. Do this: train."),
        ({"0.bias": torch.zeros(3)}, r"1 of another shape \['0.bias'\]"),
    ],
)
def test_tensors_without_a_place_are_refused_and_nothing_changes(state: dict[str, torch.Tensor], words: str) -> None:
    network = two_layers()
    before = network[0].bias.clone()
    with pytest.raises(InputError, match=words):
        fill_network(network, state, "run", "weights", "train")
    assert torch.equal(network[0].bias, before)


def test_a_first_convolution_for_several_channels_has_the_same_output_for_the_same_image() -> None:
    one, four = nn.Conv3d(1, 3, 3, bias=False), nn.Conv3d(4, 3, 3, bias=False)
    fitted = fit_channels(one.state_dict(), four)
    four.load_state_dict(fitted)
    image = torch.rand(1, 1, 5, 6, 7)
    torch.testing.assert_close(four(image.expand(-1, 4, -1, -1, -1)), one(image))


def test_only_a_first_convolution_is_expanded() -> None:
    weight = torch.rand(2, 1, 3, 3, 3)
    assert is_first_convolution(weight, for_channels(weight, 2))
    assert not is_first_convolution(weight, weight)
    assert not is_first_convolution(weight, torch.rand(2, 4, 1, 1, 1))
    assert not is_first_convolution(torch.rand(2), torch.rand(3))


def test_a_note_is_found_under_every_name_of_a_tensor() -> None:
    network = two_layers()
    network.again = network[0]
    assert with_second_names(network, {"0.weight": "note"}) == {"0.weight": "note", "again.weight": "note"}
