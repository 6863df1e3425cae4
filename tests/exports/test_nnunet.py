"""The files for nnU-Net, loaded and run with nnU-Net's own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor, nn

from orienteer.errors import InputError
from orienteer.exports import nnunet as to_nnunet
from orienteer.exports.export import export
from orienteer.exports.nnunet_plans import read_plans
from orienteer.runs.weights import load_encoder
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from tests.helpers.nnunet_plans import plain_kwargs, residual_kwargs, write_plans
from tests.helpers.saved_runs import SaveRun

SIZE = (16, 16, 16)


def nnunets_network(plans: Path, channels: int = 1, classes: int = 4) -> nn.Module:
    """Builds the network as nnU-Net's trainer does, weights from another seed."""
    torch.manual_seed(11)
    settings = PlansManager(str(plans)).get_configuration("3d_fullres")
    return get_network_from_plans(
        settings.network_arch_class_name,
        settings.network_arch_init_kwargs,
        settings.network_arch_init_kwargs_req_import,
        channels,
        classes,
        allow_init=True,
        deep_supervision=True,
    ).eval()


def fitting_run(save_run: SaveRun, plans: Path, file_axes: str = "RAS") -> Path:
    name, arguments = read_plans(plans, "3d_fullres", file_axes).encoder()
    return save_run(name, SIZE, **arguments)


def image_file(folder: Path, direction: list[float]) -> Path:
    """An image that differs along every axis and in every direction."""
    values = np.random.default_rng(0).normal(size=SIZE[::-1]).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetDirection(direction)
    folder.mkdir()
    sitk.WriteImage(image, str(folder / "scan.nii.gz"))
    return folder / "scan.nii.gz"


def as_nnunet_sees(file: Path, plans: Path) -> Tensor:
    voxels, _ = SimpleITKIO().read_images((str(file),))
    order = PlansManager(str(plans)).transpose_forward
    return torch.from_numpy(voxels.transpose(0, *(1 + axis for axis in order)).copy())[None]


def as_orienteer_sees(file: Path) -> Tensor:
    return torch.from_numpy(read_scan(discover(file, progress=False).sources[0]).voxels)[None, None]


def assert_same_features(run: Path, network: nn.Module, file: Path, plans: Path, order: tuple[int, int, int]) -> None:
    """Compares levels: axis n of nnU-Net's is body axis ``order[n]``."""
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours, theirs = encoder(as_orienteer_sees(file)), network.encoder(as_nnunet_sees(file, plans))
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level.permute(0, 1, *(2 + body for body in order)), other, rtol=1e-4, atol=1e-4)


RAS, LPS = [-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0], [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0]


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
    network = nnunets_network(plans)
    load_pretrained_weights(network, exported.files[0], verbose=False)
    order = tuple(2 - axis for axis in transpose_forward)
    assert_same_features(run, network, image_file(tmp_path / "images", RAS), plans, order)  # type: ignore[arg-type]


def test_kernels_are_mirrored_for_files_whose_axes_run_the_other_way(tmp_path: Path, save_run: SaveRun) -> None:
    # Without strides a mirrored network on a mirrored image is exact.
    kwargs = residual_kwargs(strides=[[1, 1, 1]] * 3, kernel_sizes=[[3, 3, 3]] * 3)
    plans = write_plans(tmp_path / "plans.json", kwargs)
    run, file = fitting_run(save_run, plans), image_file(tmp_path / "images", LPS)
    network = nnunets_network(plans)
    load_pretrained_weights(network, export(str(run), to="nnunet", plans=str(plans), file_axes="LPS").files[0])
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours, theirs = encoder(as_orienteer_sees(file)), network.encoder(as_nnunet_sees(file, plans))
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level.permute(0, 1, 4, 3, 2).flip(3, 4), other, rtol=1e-4, atol=1e-4)


def test_the_axes_can_be_read_from_an_image(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    run, file = fitting_run(save_run, plans), image_file(tmp_path / "images", LPS)
    exported = export(str(run), to="nnunet", plans=str(plans), file_axes=str(file))
    assert exported.written.facts["flipped"] == [False, True, True]


def test_images_turned_by_nnunets_reader_need_no_axes(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), reader="NibabelIOWithReorient")
    assert read_plans(plans, "3d_fullres", "PIR").axes == read_plans(plans, "3d_fullres", "RAS").axes


def test_several_channels_share_the_first_convolution(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), channels=3)
    run = fitting_run(save_run, plans)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunets_network(plans, channels=3)
    load_pretrained_weights(network, exported.files[0])
    file = image_file(tmp_path / "images", RAS)
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours = encoder(as_orienteer_sees(file))[-1].permute(0, 1, 4, 3, 2)
        theirs = network.encoder(as_nnunet_sees(file, plans).expand(-1, 3, -1, -1, -1))[-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert any(row.why == "shared out over channels" for row in exported.written.rows)


def test_the_table_says_what_is_loaded_and_what_is_new(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")
    exported = export(str(fitting_run(save_run, plans)), to="nnunet", plans=str(plans))
    facts = json.loads((exported.folder / "export.json").read_text())
    network = nnunets_network(plans)
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


def test_an_inheriting_configuration_is_read(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    assert read_plans(plans, "3d_more", "RAS") == read_plans(plans, "3d_fullres", "RAS")


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


def test_without_a_run_the_plans_tell_how_to_train_one(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")
    with pytest.raises(InputError, match=r"--encoder dynunet --encoder-arguments '\{\"filters\": \[4, 6, 8\]"):
        export(to="nnunet", plans=str(plans))


def test_missing_plans_are_named(tmp_path: Path, save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, filters=[4, 8, 8])
    with pytest.raises(InputError, match=r"plans: wanted the plans of the data set.*add --plans"):
        export(str(run), to="nnunet")
    with pytest.raises(InputError, match=r"none\.json \(No such file or directory\)"):
        export(str(run), to="nnunet", plans=str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architecture": {"network_class_name": "a.PrimusM", "arch_kwargs": {}, "_kw_requires_import": []}},
            "PrimusM",
        ),
        ({"previous_stage": "3d_lowres"}, "the cascade 3d_fullres"),
    ],
)
def test_configurations_that_no_encoder_here_fits_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), **changes)
    with pytest.raises(InputError, match=message):
        read_plans(plans, "3d_fullres", "RAS")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"conv_op": "torch.nn.modules.conv.Conv2d"}, "wanted a 3D configuration"),
        ({"norm_op": "torch.nn.BatchNorm3d"}, "norm_op torch.nn.InstanceNorm3d"),
        ({"dropout_op": "torch.nn.Dropout3d"}, "dropout_op None"),
        ({"stem_channels": 7}, "no stem_channels"),
    ],
)
def test_layers_that_no_encoder_here_has_are_refused(tmp_path: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_plans(write_plans(tmp_path / "plans.json", residual_kwargs(**kwargs)), "3d_fullres", "RAS")


def test_an_unknown_configuration_lists_the_known_ones(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    with pytest.raises(InputError, match="one of 3d_fullres, 3d_more, 3d_cascade_fullres"):
        read_plans(plans, "3d_lowres", "RAS")


@pytest.mark.parametrize("text", ["not json", "[]", '{"configurations": 3}'])
def test_another_file_in_place_of_the_plans_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plans.json").write_text(text)
    with pytest.raises(InputError, match="which is another"):
        read_plans(tmp_path / "plans.json", "3d_fullres", "RAS")


@pytest.mark.parametrize("axes", ["RAX", "RRS", "RA", ""])
def test_letters_that_name_no_axes_are_refused(tmp_path: Path, axes: str) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    with pytest.raises(InputError, match="file_axes: wanted three letters such as RAS"):
        read_plans(plans, "3d_fullres", axes)


@pytest.mark.parametrize("network_name", ["ResidualEncoderUNet", "PlainConvUNet"])
def test_the_file_for_nnssl_loads_as_its_fine_tuning_loads_it(
    tmp_path: Path, save_run: SaveRun, network_name: str
) -> None:
    kwargs = residual_kwargs() if network_name == "ResidualEncoderUNet" else plain_kwargs()
    plans = write_plans(tmp_path / "plans.json", kwargs, network_name)
    run = fitting_run(save_run, plans)
    exported = export(str(run), to="nnssl")
    assert [path.name for path in exported.files] == ["checkpoint_final.pth", "adaptation_plan.json", "config.json"]
    content = torch.load(exported.files[0], weights_only=True)
    plan = content["nnssl_adaptation_plan"]
    assert json.loads(exported.files[1].read_text()) == plan
    network = get_network_from_plans(
        plan["architecture_plans"]["arch_class_name"],
        plan["architecture_plans"]["arch_kwargs"],
        plan["architecture_plans"]["arch_kwargs_requiring_import"],
        1,
        4,
        deep_supervision=False,
    ).eval()
    for key in ("key_to_encoder", "key_to_stem"):
        start = plan[key] + "."
        own = {
            name[len(start) :]: value for name, value in content["network_weights"].items() if name.startswith(start)
        }
        network.get_submodule(plan[key]).load_state_dict(own)
    assert_same_features(run, network, image_file(tmp_path / "images", RAS), plans, (2, 1, 0))
    for key in plan["keys_to_in_proj"]:
        assert content["network_weights"][f"{key}.weight"].shape[1] == plan["pretrain_num_input_channels"] == 1


def test_the_adaptation_plan_counts_axes_as_nnunet_does(tmp_path: Path, save_run: SaveRun) -> None:
    run = save_run("residual", (16, 32, 64), features=[4, 6], blocks=[1, 1], strides=[1, [1, 2, 4]])
    plan = json.loads(export(str(run), to="nnssl").files[1].read_text())
    (configuration,) = plan["pretrain_plan"]["configurations"].values()
    assert configuration["spacing"] == [3.0, 2.0, 2.0]  # the run's are (2, 2, 3)
    assert configuration["patch_size"] == [64, 32, 16]
    assert plan["architecture_plans"]["arch_kwargs"]["strides"][1] == [4, 2, 1]
    assert plan["recommended_downstream_patchsize"] == [128, 128, 128]


def test_an_encoder_that_nnunet_does_not_have_is_refused_for_nnssl(save_run: SaveRun) -> None:
    with pytest.raises(InputError, match="wanted an encoder that nnU-Net has: 'residual', 'dynunet'"):
        export(str(save_run("segresnet", SIZE, init_filters=8)), to="nnssl")


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
    name, arguments = read_plans(plans, "3d_fullres", "RAS").encoder()
    run = save_run(name, SIZE, **arguments, decoder=True)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunets_network(plans)
    load_pretrained_weights(network, exported.files[0])
    ours, theirs = decoder_features(run, network, (2, 1, 0))
    assert len(ours) == len(theirs) == 2
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level, other, rtol=1e-4, atol=1e-4)
    assert {row.part for row in exported.written.rows if row.what == "new" and row.numbers} == {"decoder.seg_layers"}
    assert not any(row.what == "left out" for row in exported.written.rows)


def test_decoder_blocks_with_another_kernel_are_left_out_by_name(tmp_path: Path, save_run: SaveRun) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")  # the finest level has (1, 3, 3)
    name, arguments = read_plans(plans, "3d_fullres", "RAS").encoder()
    run = save_run(name, SIZE, **arguments, decoder=True)
    exported = export(str(run), to="nnunet", plans=str(plans))
    network = nnunets_network(plans)
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
    name, arguments = read_plans(plans, "3d_fullres", "RAS").encoder()
    run = save_run(name, SIZE, **arguments, decoder=True)
    monkeypatch.setattr(to_nnunet, "load_decoder", lambda *given: ({}, 1))
    with pytest.raises(InputError, match=r"a difference of .*; nothing was written"):
        export(str(run), to="nnunet", plans=str(plans))


def test_a_pretrained_decoder_is_named_as_left_out_for_nnssl(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, filters=[4, 8, 8], decoder=True)
    exported = export(str(run), to="nnssl")
    (row,) = [row for row in exported.written.rows if row.what == "left out"]
    encoder, _ = load_encoder(run)
    assert set(row.names) == {key for key in encoder.state_dict() if key.startswith("upsamples.")} != set()
    assert row.why == "nnU-Net makes a new one"
    weights = torch.load(exported.files[0], weights_only=True)["network_weights"]
    assert all(key.startswith("encoder.") for key in weights)
