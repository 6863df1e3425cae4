"""A pretrained decoder in nnU-Net's network, compared block by block with the run's."""

from pathlib import Path

import pytest
import torch
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights
from torch import Tensor, nn

from orienteer.errors import InputError
from orienteer.exports import nnunet
from orienteer.exports.export import export
from orienteer.runs.weights import load_encoder
from tests.helpers.nnunet_networks import SIZE, fitting_run, nnunet_network
from tests.helpers.nnunet_plans import plain_kwargs, write_plans
from tests.helpers.saved_runs import SaveRun


def decoder_features(
    run: Path, network: nn.Module, axes_to_body: tuple[int, int, int]
) -> tuple[list[Tensor], list[Tensor]]:
    """What each block of the decoder gives, coarsest first: ours turned to nnU-Net's axes, and nnU-Net's own."""
    encoder, _ = load_encoder(run)
    images = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(5))
    given: list[Tensor] = []
    for stage in network.decoder.stages:
        stage.register_forward_hook(lambda module, _, output: given.append(output))
    with torch.no_grad():
        levels = encoder(images)[:-1]
        network(images.permute(0, 1, *(2 + body for body in axes_to_body)))
    return [level.permute(0, 1, *(2 + body for body in axes_to_body)) for level in reversed(levels)], given


def test_a_pretrained_decoder_goes_into_nnunets(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(kernel_sizes=[[3, 3, 3]] * 3), "PlainConvUNet")
    run = fitting_run(save_run, plans, decoder=True)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunet_network(plans)
    load_pretrained_weights(network, exported.files[0])
    ours, theirs = decoder_features(run, network, (2, 1, 0))
    assert len(ours) == len(theirs) == 2
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level, other, rtol=1e-4, atol=1e-4)
    assert {row.part for row in exported.written.rows if row.what == "new" and row.numbers} == {"decoder.seg_layers"}
    assert not any(row.what == "left out" for row in exported.written.rows)


def test_decoder_blocks_with_another_kernel_are_left_out_by_name(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")  # the finest level has (1, 3, 3)
    run = fitting_run(save_run, plans, decoder=True)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunet_network(plans)
    load_pretrained_weights(network, exported.files[0])
    ours, theirs = decoder_features(run, network, (2, 1, 0))
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ours[1], theirs[1], atol=1e-2)
    (row,) = [row for row in exported.written.rows if row.what == "left out"]
    encoder, _ = load_encoder(run)
    assert set(row.names) == {key for key in encoder.state_dict() if key.startswith("upsamples.1.")}
    assert "other layers there" in row.why


def test_a_wrong_decoder_stops_the_export(tmp_path: Path, save_run: SaveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")
    run = fitting_run(save_run, plans, decoder=True)
    monkeypatch.setattr(nnunet, "fill_nnunet_decoder", lambda *given: ({}, 1))
    with pytest.raises(InputError, match=r"a difference of .*; nothing was written"):
        export(str(run), to="nnunet", plans=str(plans))
