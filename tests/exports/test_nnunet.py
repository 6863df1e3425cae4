"""The file for nnU-Net, loaded and run with nnU-Net's own code."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.runs.weights import load_encoder
from tests.helpers.nnunet_networks import (
    LPS,
    RAS,
    SIZE,
    assert_same_features,
    fitting_run,
    image_file,
    nnunet_network,
    read_by_nnunet,
    read_by_orienteer,
)
from tests.helpers.nnunet_plans import plain_kwargs, residual_kwargs, write_plans
from tests.helpers.saved_runs import SaveRun


@pytest.mark.parametrize("transpose_forward", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize(
    ("network_name", "kwargs"), [("ResidualEncoderUNet", residual_kwargs()), ("PlainConvUNet", plain_kwargs())]
)
def test_nnunets_own_loader_gives_the_features_of_the_run(
    tmp_path: Path,
    save_run: SaveRun,
    network_name: str,
    kwargs: dict[str, Any],
    transpose_forward: tuple[int, int, int],
) -> None:
    plans = write_plans(tmp_path / "plans.json", kwargs, network_name, transpose_forward=transpose_forward)
    run = fitting_run(save_run, plans)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunet_network(plans)
    load_pretrained_weights(network, exported.files[0], verbose=False)
    order = tuple(2 - axis for axis in transpose_forward)
    assert_same_features(run, network, image_file(tmp_path / "images", RAS), plans, order)  # type: ignore[arg-type]


def test_kernels_are_mirrored_for_files_whose_axes_run_the_other_way(tmp_path: Path, save_run: SaveRun) -> None:
    # Without strides a mirrored network on a mirrored image is exact.
    kwargs = residual_kwargs(strides=[[1, 1, 1]] * 3, kernel_sizes=[[3, 3, 3]] * 3)
    plans = write_plans(tmp_path / "plans.json", kwargs)
    run, file = fitting_run(save_run, plans), image_file(tmp_path / "images", LPS)
    network = nnunet_network(plans)
    load_pretrained_weights(network, export(str(run), to="nnunet", plans=str(plans), file_axes="LPS").files[0])
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours, theirs = encoder(read_by_orienteer(file)), network.encoder(read_by_nnunet(file, plans))
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level.permute(0, 1, 4, 3, 2).flip(3, 4), other, rtol=1e-4, atol=1e-4)


def test_the_axes_can_be_read_from_an_image(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    run, file = fitting_run(save_run, plans), image_file(tmp_path / "images", LPS)
    exported = export(str(run), to="nnunet", plans=str(plans), file_axes=str(file))
    assert exported.written.facts["flipped"] == [False, True, True]


def test_several_channels_share_the_first_convolution(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), channels=3)
    run = fitting_run(save_run, plans)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunet_network(plans, channels=3)
    load_pretrained_weights(network, exported.files[0])
    file = image_file(tmp_path / "images", RAS)
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours = encoder(read_by_orienteer(file))[-1].permute(0, 1, 4, 3, 2)
        theirs = network.encoder(read_by_nnunet(file, plans).expand(-1, 3, -1, -1, -1))[-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert any(row.why == "shared out over channels" for row in exported.written.rows)


def test_the_table_says_what_is_loaded_and_what_is_new(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")
    exported = export(str(fitting_run(save_run, plans)), to="nnunet", plans=str(plans))
    facts = json.loads((exported.folder / "export.json").read_text())
    network = nnunet_network(plans)
    assert set(facts["tensors"]["loaded"]) | set(facts["tensors"]["new"]) == set(network.state_dict())
    own = {name for name in network.state_dict() if name.startswith(("encoder.", "decoder.encoder."))}
    assert set(facts["tensors"]["loaded"]) == own
    whys = {row.part: row.why for row in exported.written.rows if row.what == "new" and row.numbers}
    assert whys == {
        "decoder.stages": "not trained",
        "decoder.transpconvs": "not trained",
        "decoder.seg_layers": "output layer",
    }
    # Norms take away what a bias adds, so zeros there are the run's features exactly; the table says so.
    assert any("zero" in row.why and all(name.endswith(".bias") for name in row.names) for row in exported.written.rows)


def test_the_decoder_is_new_and_drawn_from_the_seed(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    run = fitting_run(save_run, plans)
    states = [
        torch.load(export(str(run), to="nnunet", plans=str(plans), out=str(tmp_path / f"{number}"), seed=seed).files[0])
        for number, seed in enumerate((0, 0, 1))
    ]
    decoders = [state["network_weights"]["decoder.stages.0.convs.0.conv.weight"] for state in states]
    assert torch.equal(decoders[0], decoders[1])
    assert not torch.equal(decoders[0], decoders[2])
    assert decoders[0].std() > 0


def test_another_architecture_is_refused_with_the_way_to_train_the_right_one(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    run = save_run("residual", SIZE, features=[4, 6, 8], blocks=[1, 1, 1], strides=[1, 2, 2])
    with pytest.raises(InputError, match=r"blocks \[1, 1, 1\], not \[1, 2, 1\]") as caught:
        export(str(run), to="nnunet", plans=str(plans))
    printed = caught.value.do.partition("--encoder-arguments '")[2].rstrip("'")
    again = save_run("residual", SIZE, folder="again", **json.loads(printed))
    assert export(str(again), to="nnunet", plans=str(plans)).written.difference < 1e-4
    assert not (run / "export").exists()


@pytest.mark.parametrize(("name", "arguments"), [("segresnet", {"init_filters": 8}), ("tiny", {"filters": [4, 8, 8]})])
def test_an_encoder_of_another_kind_is_refused(
    tmp_path: Path, save_run: SaveRun, name: str, arguments: dict[str, Any]
) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    with pytest.raises(InputError, match=rf"got encoder '{name}': another network\. Do this: train one that fits"):
        export(str(save_run(name, SIZE, **arguments)), to="nnunet", plans=str(plans))
