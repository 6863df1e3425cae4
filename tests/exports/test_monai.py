"""The weights for MONAI, loaded and run with nothing but MONAI and torch."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from orienteer.encoders import ENCODERS
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.runs.run import Run
from orienteer.runs.weights import load_encoder
from orienteer.types import Triple
from tests.helpers.saved_runs import SaveRun

FAMILIES: dict[str, tuple[Triple, dict[str, Any]]] = {
    "tiny": ((16, 16, 16), {"filters": [4, 8, 8]}),
    "dynunet": ((8, 16, 16), {"filters": [4, 8, 8], "strides": [1, [1, 2, 2], 2], "kernel_size": [[1, 3, 3], 3, 3]}),
    "segresnet": ((16, 16, 16), {"init_filters": 8}),
    "mednext-s": ((32, 32, 32), {"init_filters": 4}),
    "swinunetr": (
        (64, 64, 64),
        {"feature_size": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2], "window_size": 3},
    ),
    "vit": ((32, 32, 32), {"hidden_size": 24, "mlp_dim": 24, "num_heads": 2}),
}


def plain_monai(folder: Path) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """What a user writes who has MONAI and no orienteer."""
    facts = json.loads((folder / "export.json").read_text())
    module, _, name = facts["target"].rpartition(".")
    network = getattr(import_module(module), name)(**facts["target_arguments"])
    state = torch.load(folder / "network.pt", weights_only=True)
    network.load_state_dict(state, strict=True)
    return network.eval(), state


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plain_class_loads_it_strictly(name: str, save_run: SaveRun) -> None:
    size, arguments = FAMILIES[name]
    run = save_run(name, size, **arguments)
    exported = export(str(run), to="monai", classes=3)
    network, _ = plain_monai(exported.folder)
    encoder, _ = load_encoder(run)
    own = network.state_dict()
    for key, tensor in encoder.transferable().items():
        assert torch.equal(own[key], tensor), key
    cell = exported.written.facts["voxels_per_output_cell"]
    assert cell == ([2, 2, 2] if name == "tiny" else [1, 1, 1])
    with torch.no_grad():
        output = network(torch.zeros(1, 1, *size))
    assert output.shape == (1, 3, *(voxels // step for voxels, step in zip(size, cell, strict=True)))
    assert exported.written.difference < 1e-5


def test_every_monai_family_is_tried() -> None:
    others = {"residual", "anatomix", "mednext-b", "mednext-m", "mednext-l"}
    assert set(FAMILIES) == set(ENCODERS) - others


def test_a_vit_of_another_depth_goes_into_the_plain_vit(save_run: SaveRun) -> None:
    run = save_run("vit", (16, 16, 32), hidden_size=24, mlp_dim=24, num_heads=2, num_layers=2)
    with pytest.raises(InputError, match=r"classes: wanted a network that segments"):
        export(str(run), to="monai", classes=3)
    network, _ = plain_monai(export(str(run), to="monai").folder)
    assert type(network).__name__ == "ViT"


def test_the_table_accounts_for_every_tensor(save_run: SaveRun) -> None:
    exported = export(str(save_run("segresnet", (16, 16, 16), init_filters=8)), to="monai")
    _, state = plain_monai(exported.folder)
    names = [name for row in exported.written.rows for name in row.names]
    assert sorted(names) == sorted(state)
    assert sum(row.numbers for row in exported.written.rows) == sum(tensor.numel() for tensor in state.values())
    loaded = {row.part for row in exported.written.rows if row.what == "loaded"}
    assert loaded == {"convInit", "down_layers"}
    assert [row.names for row in exported.written.rows if row.why == "output layer"] == [
        ("conv_final.2.conv.weight", "conv_final.2.conv.bias")
    ]


def test_the_table_is_for_people_and_counts_tensors_with_two_names_once(save_run: SaveRun) -> None:
    exported = export(str(save_run("tiny", (16, 16, 16), filters=[4, 8, 8])), to="monai")
    network, _ = plain_monai(exported.folder)
    assert sum(row.numbers for row in exported.written.rows) == sum(p.numel() for p in network.parameters())
    printed = str(exported)
    assert "output_block" in printed
    assert "second names of tensors above" in printed
    assert f'torch.load("{exported.folder}/network.pt")' in printed


@pytest.mark.parametrize("name", ["tiny", "segresnet", "mednext-s"])
def test_several_channels_share_the_first_convolution(name: str, save_run: SaveRun) -> None:
    size, arguments = FAMILIES[name]
    run = save_run(name, size, **arguments)
    _, one = plain_monai(export(str(run), to="monai", out=str(run / "one")).folder)
    exported = export(str(run), to="monai", out=str(run / "four"), channels=4)
    network, four = plain_monai(exported.folder)
    shared = [row.names for row in exported.written.rows if row.why == "shared out over channels"]
    for key in (key for row in exported.written.rows if row.what == "loaded" for key in row.names):
        expected = one[key] if one[key].shape == four[key].shape else one[key].expand_as(four[key]) / 4
        torch.testing.assert_close(four[key], expected, msg=key)
    assert len(shared) == 1
    with torch.no_grad():
        assert network(torch.zeros(1, 4, *size)).shape[:2] == (1, 2)


def test_the_json_says_what_the_weights_expect(finished: Run, tmp_path: Path) -> None:
    folder = export(str(finished.folder), to="monai", out=str(tmp_path / "export")).folder
    facts = json.loads((folder / "export.json").read_text())
    card = json.loads((finished.folder / "encoder.json").read_text())
    for key in ("spacing_mm", "axes", "intensity", "view_size", "licence", "data_fingerprint"):
        assert facts[key] == card[key] is not None
    assert facts["from"]["sha256"] == card["sha256"]
    assert facts["checked"]["largest_difference"] < 1e-5


def test_an_encoder_that_monai_does_not_have_is_refused(save_run: SaveRun) -> None:
    run = save_run("residual", (16, 16, 16), features=[4, 6], blocks=[1, 1], strides=[1, 2])
    with pytest.raises(InputError, match=r"whose encoder is one of MONAI's, got encoder 'residual'"):
        export(str(run), to="monai")


@pytest.mark.parametrize("name", ["tiny", "dynunet"])
def test_a_pretrained_decoder_goes_along(name: str, save_run: SaveRun) -> None:
    size, arguments = FAMILIES[name]
    run = save_run(name, size, **arguments, decoder=True)
    exported = export(str(run), to="monai", classes=3)
    network, state = plain_monai(exported.folder)
    encoder, _ = load_encoder(run)
    given: list[torch.Tensor] = []
    for block in network.upsamples:
        block.register_forward_hook(lambda module, _, output: given.insert(0, output))
    images = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        levels = encoder(images)
        network(images)
    for ours, theirs in zip(levels[:-1], given, strict=True):
        torch.testing.assert_close(ours, theirs)
    new = {row.part for row in exported.written.rows if row.what == "new" and row.numbers}
    assert new == {"output_block"}
    assert {key for key in state if key.startswith("upsamples.")} <= {
        key for row in exported.written.rows if row.what == "loaded" for key in row.names
    }


def test_a_wrong_decoder_stops_the_export(save_run: SaveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8], decoder=True)
    whole = Encoder.transferable
    monkeypatch.setattr(
        Encoder, "transferable", lambda self: {k: v for k, v in whole(self).items() if not k.startswith("upsamples")}
    )
    with pytest.raises(InputError, match=r"a difference of .*; nothing was written"):
        export(str(run), to="monai")
