import pytest
import torch
from torch import nn

from orienteer.encoders import build_encoder
from orienteer.encoders.target import build_target
from orienteer.errors import InputError


@pytest.mark.parametrize("name", ["tiny", "residual"])
def test_the_number_of_classes_goes_under_the_name_that_the_encoder_gives(name: str) -> None:
    levels = {"filters": [4, 4, 6]} if name == "tiny" else {"features": [4, 6], "blocks": [1, 1], "strides": [1, 2]}
    encoder = build_encoder(name, (16, 16, 16), **levels)
    assert encoder.target is not None
    network = build_target(encoder.target, encoder.target_arguments, **{encoder.target_outputs: 7})
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv3d)]
    assert any(convolution.out_channels == 7 for convolution in convolutions)


@pytest.mark.parametrize("target", ["os.system", "monai.networks.blocks.Warp", "monai.networks.netsX.SegResNet"])
def test_a_weights_file_cannot_name_just_anything(target: str) -> None:
    with pytest.raises(InputError, match=r"target: wanted a class in monai\.networks\.nets"):
        build_target(target, {})


def test_a_class_that_the_library_does_not_have_is_named() -> None:
    with pytest.raises(InputError, match=r"SegResNet99.*pip install monai"):
        build_target("monai.networks.nets.SegResNet99", {})


@pytest.mark.parametrize("size", ["s", "b", "m", "l"])
def test_mednext_is_the_one_of_the_librarys_own_factory(size: str) -> None:
    from monai.networks.nets.mednext import create_mednext

    with torch.device("meta"):
        encoder = build_encoder(f"mednext-{size}", (32, 32, 32))
        ours, theirs = build_target(encoder.target, encoder.target_arguments), create_mednext(size)
    assert _shapes(ours) == _shapes(theirs)


def test_residual_is_the_part_encoder_of_nnunets_network() -> None:
    with torch.device("meta"):
        encoder = build_encoder("residual", (64, 64, 64))
        target = build_target(encoder.target, encoder.target_arguments)
    ours, theirs = _shapes(encoder), _shapes(target)
    second_names = (".conv.weight", ".conv.bias", ".norm.weight", ".norm.bias")
    expected = {name for name in theirs if name.startswith("encoder.") and not name.endswith(second_names)}
    assert set(ours) == expected
    assert all(theirs[name] == shape for name, shape in ours.items())


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}
