import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from orienteer.encoders import build_encoder
from orienteer.encoders.target import TARGETS, build_target
from orienteer.errors import InputError
from tests.helpers.disguise import MakesAFile


@pytest.mark.parametrize("name", ["tiny", "residual"])
def test_the_number_of_classes_goes_under_the_name_that_the_encoder_gives(name: str) -> None:
    levels = {"filters": [4, 4, 6]} if name == "tiny" else {"features": [4, 6], "blocks": [1, 1], "strides": [1, 2]}
    encoder = build_encoder(name, (16, 16, 16), **levels)
    assert encoder.target is not None
    network = build_target(encoder.target, encoder.target_arguments, **{encoder.target_outputs: 7})
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv3d)]
    assert any(convolution.out_channels == 7 for convolution in convolutions)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "monai.networks.blocks.Warp",
        "monai.networks.nets.HoVerNet",
        "monai.networks.nets.hovernet.download_url",
    ],
)
def test_a_weights_file_cannot_name_just_anything(target: str) -> None:
    with pytest.raises(InputError, match=r"target: wanted one of monai\.networks\.nets\.DynUNet, "):
        build_target(target, {})


def test_a_weights_file_cannot_call_functions_that_unpickle(tmp_path: Path) -> None:
    # MONAI's modules hold torch's own downloader beside their classes.
    mark = tmp_path / "it_ran"
    torch.save({"network": MakesAFile(mark)}, tmp_path / "weights.pt")
    arguments = {"url": (tmp_path / "weights.pt").as_uri(), "model_dir": str(tmp_path / "hub"), "progress": False}
    with pytest.raises(InputError, match="check where the weights file comes from"):
        build_target("monai.networks.nets.senet.load_state_dict_from_url", arguments)
    assert not mark.exists()
    assert not (tmp_path / "hub").exists()


def test_every_target_is_a_network() -> None:
    for target in TARGETS:
        module, _, name = target.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), name), nn.Module)


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(InputError, match=r"SegResNet.*pip install monai"):
        build_target("monai.networks.nets.SegResNet", {})


def test_arguments_that_the_network_does_not_take_are_named() -> None:
    with pytest.raises(
        InputError, match=r"target_arguments: wanted those of monai\.networks\.nets\.SegResNet.*'depth'"
    ):
        build_target("monai.networks.nets.SegResNet", {"depth": 3})


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
