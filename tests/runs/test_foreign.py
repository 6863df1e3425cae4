"""Files of others, each in the form in which it is published: recognised, loaded in full, and computing what theirs does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.exports.push import push
from orienteer.runs.foreign import is_foreign, read_foreign
from orienteer.runs.weights import encoder_of, load_encoder, start_from
from tests.helpers.fake_hub import FakeHub
from tests.helpers.published import (
    SWIN,
    adaptation_plan,
    anatomix,
    plain_unet,
    published,
    residual_unet,
    segresnet,
    swin_unetr,
)
from tests.helpers.published_files import Publish
from tests.helpers.saved_runs import SaveRun


def swin_levels(network: nn.Module, images: Tensor) -> list[Tensor]:
    return list(network.swinViT(images, network.normalize))


def segresnet_levels(network: nn.Module, images: Tensor) -> list[Tensor]:
    return list(network.encode(images)[1])


def nnunet_levels(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Features of nnU-Net's network, which gets the axes of an image in reverse, turned back."""
    return [level.permute(0, 1, 4, 3, 2) for level in network.encoder(images.permute(0, 1, 4, 3, 2))]


def anatomix_levels(network: nn.Module, images: Tensor) -> list[Tensor]:
    levels, x = [], images
    for part in network:
        if isinstance(part, nn.Upsample):
            return [*levels, x]
        if isinstance(part, nn.MaxPool3d | nn.AvgPool3d):
            levels.append(x)
        x = part(x)
    raise AssertionError("a U-Net has a decoder")


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], list[Tensor]], str]] = {
    "model_swinvit.pt": (swin_unetr, swin_levels, "swinunetr"),
    "VoCo_B_SSL_head.pt": (lambda: swin_unetr(use_v2=True), swin_levels, "swinunetr"),
    "VoComni_B.pt": (lambda: swin_unetr(use_v2=True), swin_levels, "swinunetr"),
    "supervised_suprem_swinunetr_2100.pth": (swin_unetr, swin_levels, "swinunetr"),
    "supervised_suprem_segresnet_2100.pth": (segresnet, segresnet_levels, "segresnet"),
    "VoComni_nnunet.pt": (
        lambda: plain_unet(strides=[1, 2, 2], kernel_sizes=[[1, 3, 3], 3, 3]),
        nnunet_levels,
        "dynunet",
    ),
    "checkpoint_final.pth": (lambda: residual_unet(strides=[1, 2, 2]), nnunet_levels, "residual"),
    "anatomix.pth": (anatomix, anatomix_levels, "anatomix"),
    "anatomix-dev.pth": (lambda: anatomix(batch=False), anatomix_levels, "anatomix"),
}
"""By the name of the published file: the network, its features, and the encoder here."""

SIZE = (32, 32, 64)


def built(path: Path, size: tuple[int, int, int] = SIZE) -> Encoder:
    settings = encoder_of(path)
    assert settings is not None
    return build_encoder(settings[0], size, **settings[1])


def assert_same_levels(encoder: Encoder, theirs: list[Tensor], images: Tensor) -> None:
    with torch.no_grad():
        ours = encoder.eval()(images)
    assert len(ours) == len(theirs)
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level, other, rtol=1e-3, atol=1e-4)


def images() -> Tensor:
    return torch.randn(1, 1, *SIZE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", CASES)
def test_a_published_file_is_recognised_and_its_encoder_computes_the_same(kind: str, publish: Publish) -> None:
    make, levels, family = CASES[kind]
    network = make()
    path = publish(kind, network)
    encoder = built(path)
    assert encoder.family == family
    report = start_from(encoder, path)
    assert report is not None
    assert (report.share, report.missing, report.file) == (1.0, (), kind)
    assert report.unused
    with torch.no_grad():
        assert_same_levels(encoder, levels(network, images()), images())


def test_the_settings_of_the_encoder_are_read_from_the_file(publish: Publish) -> None:
    assert encoder_of(publish("VoComni_B.pt", swin_unetr(use_v2=True))) == ("swinunetr", {**SWIN, "use_v2": True})
    assert encoder_of(publish("supervised_suprem_segresnet_2100.pth", segresnet())) == (
        "segresnet",
        {"init_filters": 8, "blocks_down": [1, 2, 2, 4]},
    )
    assert (encoder_of(publish("anatomix-dev.pth", anatomix(batch=False))) or ("", {}))[1]["norm"] == "instance"


def test_every_tensor_is_reported(publish: Publish) -> None:
    network = swin_unetr()
    path = publish("supervised_suprem_swinunetr_2100.pth", network)
    report = start_from(encoder := built(path), path)
    assert report is not None
    assert set(report.loaded) == set(encoder.state_dict())
    others = [name for name in network.state_dict() if not name.startswith("swinViT.")]
    assert set(report.unused) == {
        *(f"module.backbone.{name}" for name in others),
        "module.organ_embedding",
        "module.GAP.0.weight",
    }
    words = str(report)
    assert "tensors loaded under module.backbone.*, 100.0%" in words
    assert "not of the encoder: module.backbone.encoder1." in words
    assert "here values are from -1 to 1" in words
    assert json.loads(json.dumps(report.facts()))["prefix"] == "module.backbone."


def test_three_input_channels_become_one_as_if_the_image_were_in_each(publish: Publish) -> None:
    network = segresnet(in_channels=3)
    path = publish("supervised_suprem_segresnet_2100.pth", network)
    report = start_from(encoder := built(path), path)
    assert report is not None
    assert "3 input channels summed to 1" in str(report)
    with torch.no_grad():
        theirs = segresnet_levels(network, images().expand(-1, 3, -1, -1, -1))
    assert_same_levels(encoder, theirs, images())


@pytest.mark.parametrize(("network", "name"), [(residual_unet, "ResidualEncoderUNet"), (plain_unet, "PlainConvUNet")])
@pytest.mark.parametrize("beside", [True, False])
def test_an_adaptation_plan_tells_strides_and_kernels(
    network: Callable[[], nn.Module], name: str, beside: bool, publish: Publish
) -> None:
    theirs = network()
    path = publish("checkpoint_final.pth", theirs)
    blocks = {"n_blocks_per_stage": [1, 2, 1]} if name == "ResidualEncoderUNet" else {"n_conv_per_stage": [2, 2, 2]}
    plan = adaptation_plan(f"dynamic_network_architectures.architectures.unet.{name}", **blocks)
    if beside:
        path.with_name("adaptation_plan.json").write_text(json.dumps(plan))
    else:
        torch.save({**published("checkpoint_final.pth", theirs), "nnssl_adaptation_plan": plan}, path)
    folder = path.parent
    encoder = built(folder)
    assert encoder.arguments["strides"] == [[1, 1, 1], [2, 2, 1], [2, 2, 2]]
    start_from(encoder, folder)
    with torch.no_grad():
        assert_same_levels(encoder, nnunet_levels(theirs, images()), images())


def test_res_enc_l_of_openmind_is_the_residual_encoder_with_its_defaults(publish: Publish) -> None:
    path = publish("checkpoint_final.pth", residual_unet())
    path.with_name("adaptation_plan.json").write_text(json.dumps(adaptation_plan("ResEncL")))
    family, arguments = encoder_of(path) or ("", {})
    assert family == "residual"
    default = build_encoder("residual", (32, 32, 64)).arguments
    assert arguments == {key: default[key] for key in ("features", "blocks")}


@pytest.mark.parametrize("name", ["residual", "dynunet"])
def test_what_is_exported_for_nnssl_comes_back_the_same(name: str, save_run: SaveRun) -> None:
    settings = {"filters": [4, 6, 8]} if name == "dynunet" else {"features": [4, 6, 8], "blocks": [1, 2, 1]}
    run = save_run(name, (16, 16, 32), strides=[1, [2, 2, 1], 2], kernel_size=[[3, 3, 1], 3, 3], **settings)
    folder = export(str(run), to="nnssl").folder
    encoder = built(folder, (16, 16, 32))
    start_from(encoder, folder)
    own, _ = load_encoder(run)
    for key, tensor in own.state_dict().items():
        torch.testing.assert_close(encoder.state_dict()[key], tensor)


@pytest.mark.parametrize("prefix", ["", "module.", "model.encoder.", "network.backbone."])
def test_any_state_dict_of_the_same_class_fits_under_any_prefix(prefix: str, tmp_path: Path) -> None:
    first = build_encoder("mednext-s", (16, 16, 32), init_filters=4)
    save_file(
        {f"{prefix}{name}": tensor for name, tensor in first.transferable().items()}, tmp_path / "theirs.safetensors"
    )
    assert encoder_of(tmp_path / "theirs.safetensors") is None
    second = build_encoder("mednext-s", (16, 16, 32), init_filters=4)
    report = start_from(second, tmp_path / "theirs.safetensors")
    assert report is not None
    assert report.prefix == prefix
    assert all(torch.equal(first.state_dict()[name], tensor) for name, tensor in second.state_dict().items())


def test_weights_of_another_network_are_refused_with_the_options_that_fit(publish: Publish) -> None:
    path = publish("model_swinvit.pt", swin_unetr())
    words = r"wanted weights of encoder 'tiny', got those of MONAI's SwinUNETR.*--encoder swinunetr --encoder-arguments"
    with pytest.raises(InputError, match=words):
        start_from(build_encoder("tiny", (16, 16, 16), filters=[4, 8, 8]), path)


def test_other_settings_are_refused_with_those_that_fit(publish: Publish) -> None:
    path = publish("model_swinvit.pt", swin_unetr())
    encoder = build_encoder("swinunetr", (32, 32, 32), **{**SWIN, "window_size": 4})
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(InputError, match=r'tensors of another shape, first swinViT.*"window_size": 3'):
        start_from(encoder, path)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def test_numbers_of_numpy_beside_the_weights_do_no_harm(publish: Publish) -> None:
    path = publish("VoComni_nnunet.pt", plain_unet())
    log = {"losses": [np.float64(0.5), np.float32(0.25)], "epoch": np.int64(3), "done": np.bool_(True)}
    torch.save({**published("VoComni_nnunet.pt", plain_unet()), "logging": log}, path)
    assert encoder_of(path) is not None


class Arguments:
    """What a training script saves beside its weights."""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "a file that is cut|one that is cut short or damaged"),
        (b"no zip archive at all", "one that is cut short or damaged"),
        ({"state_dict": {"a": torch.zeros(2)}, "args": Arguments()}, "holds tests.runs.test_foreign.Arguments too"),
        ({"epoch": 3, "names": ["a"]}, "wanted tensors by name, got none among epoch, names"),
        (["a"], "wanted tensors by name, got none"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(content: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=f"theirs.pt: .*({words})"):
        read_foreign(path)


@pytest.mark.parametrize("kind", ["model_swinvit.pt", "anatomix.pth"])
def test_a_cut_file_is_named(kind: str, publish: Publish) -> None:
    path = publish(kind, CASES[kind][0]())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=f"{kind}: .*cut short or damaged"):
        encoder_of(path)
    with pytest.raises(InputError, match="no such file"):
        encoder_of(path.with_name("none.pt"))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (adaptation_plan("PrimusM"), "wanted ResEncL, ResidualEncoderUNet or PlainConvUNet, got PrimusM"),
        ({"pretrain_plan": {}}, "wanted a plan that nnssl wrote, got one without 'architecture_plans'"),
    ],
)
def test_a_plan_of_another_network_is_refused(plan: dict[str, Any], words: str, publish: Publish) -> None:
    path = publish("checkpoint_final.pth", residual_unet())
    path.with_name("adaptation_plan.json").write_text(json.dumps(plan))
    with pytest.raises(InputError, match=words):
        encoder_of(path)


def test_weights_of_others_are_no_run(publish: Publish) -> None:
    path = publish("model_swinvit.pt", swin_unetr())
    assert is_foreign(path)
    with pytest.raises(InputError, match="got weights of others, which do not say how scans are prepared.*--weights"):
        load_encoder(path)


def test_a_run_and_a_pushed_folder_are_not_of_others(save_run: SaveRun, tmp_path: Path) -> None:
    run = save_run("tiny", filters=[4, 8, 8])
    push(str(run), to=str(tmp_path / "pushed"))
    for place in (run, run / "encoder.safetensors", tmp_path / "pushed", tmp_path / "pushed/model.safetensors"):
        assert not is_foreign(place)
        assert encoder_of(place) == ("tiny", {"filters": [4, 8, 8], "stem_stride": 2, "decoder": False})
    shutil.copy(run / "encoder.safetensors", tmp_path / "alone.safetensors")
    assert is_foreign(tmp_path / "alone.safetensors")


def test_a_file_or_a_checkpoint_of_others_comes_from_the_hub(fake_hub: FakeHub, publish: Publish) -> None:
    path = publish("checkpoint_final.pth", residual_unet(strides=[1, 2, 2]))
    fake_hub.put("user/openmind", path.parent)
    settings = encoder_of(path)
    for address in ("hf://user/openmind", "hf://user/openmind/checkpoint_final.pth"):
        assert encoder_of(address) == settings
        assert start_from(built(path), address) is not None
