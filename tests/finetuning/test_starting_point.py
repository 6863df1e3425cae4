"""Where a fine-tuning starts: a run, other weights, or new ones; and what is refused before any work."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.finetuning import starting_point as module
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.starting_point import encoder_for, starting_point
from orienteer.runs.weights import load_encoder
from tests.helpers.disguise import MakesAFile, with_hash
from tests.helpers.published import segresnet

TINY: dict[str, Any] = {"filters": [4, 8, 8], "stem_stride": 1}
VIT: dict[str, Any] = {"hidden_size": 12, "mlp_dim": 8, "num_heads": 2}


def equal(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_decides_network_weights_and_preparation(save_run):
    run = save_run("tiny", **TINY)
    point = starting_point(FinetuneConfig(run=str(run)))
    state = point.encoder.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in load_file(run / "encoder.safetensors").items())
    config, card = point.config, json.loads((run / "encoder.json").read_text())
    assert (config.start, config.encoder, config.encoder_arguments) == (str(run), "tiny", card["arguments"])
    assert config.spacing_mm == (2.0, 2.0, 3.0)
    assert (config.ct_window_hu, config.mr_percentiles) == ((-1000.0, 1000.0), (0.5, 99.5))
    assert (point.view_size, point.one_size, point.spacing_of_run) == ((16, 16, 16), None, True)


def test_settings_of_the_user_come_before_those_of_the_run(save_run):
    run = save_run("tiny", **TINY)
    config = FinetuneConfig(run=str(run), spacing_mm=(1.0, 1.0, 1.0), ct_window_hu=(-100.0, 200.0))
    point = starting_point(config)
    assert (point.config.spacing_mm, point.config.ct_window_hu) == ((1.0, 1.0, 1.0), (-100.0, 200.0))
    assert not point.spacing_of_run


@pytest.mark.parametrize("start", [None, "scratch"])
def test_what_was_resolved_once_is_resolved_to_the_same(save_run, start):
    config = FinetuneConfig(run=str(save_run("tiny", **TINY)), start=start)
    once = starting_point(config)
    again = starting_point(once.config)
    assert again.config == once.config
    assert equal(again.encoder, once.encoder)


def test_the_scratch_baseline_has_the_runs_network_and_new_weights_of_the_seed(save_run):
    run = str(save_run("tiny", **TINY))
    first, second, other = (
        starting_point(FinetuneConfig(run=run, start="scratch", seed=seed)).encoder for seed in (0, 0, 1)
    )
    assert equal(first, second)
    assert not equal(first, other)
    assert not equal(first, load_encoder(run)[0])
    assert first.arguments == load_encoder(run)[0].arguments


def test_weights_of_another_run_go_into_the_network_of_this_one(save_run):
    run = save_run("tiny", **TINY)
    other = save_run("tiny", folder="other", **TINY)
    state = {name: tensor + 1 for name, tensor in load_file(other / "encoder.safetensors").items()}
    from safetensors.torch import save

    with_hash(other, save(state))
    point = starting_point(FinetuneConfig(run=str(run), start=str(other)))
    assert point.start == str(other)
    assert equal(point.encoder, load_encoder(other)[0])


def test_encoder_json_is_read_once_and_the_network_is_built_once(save_run, monkeypatch):
    run, calls = save_run("tiny", **TINY), []
    whole = module.load_encoder
    monkeypatch.setattr(module, "load_encoder", lambda path: calls.append("load") or whole(path))
    for name in ("read_card", "build_encoder"):
        monkeypatch.setattr(module, name, lambda *given, name=name, **more: calls.append(name))
    starting_point(FinetuneConfig(run=str(run)))
    assert calls == ["load"]


def test_without_a_run_the_network_suits_the_device():
    point = starting_point(FinetuneConfig(accelerator="cpu", encoder_arguments={"filters": [4, 8, 8]}))
    assert point.config.encoder == "tiny"
    assert point.config.encoder_arguments == {"stem_stride": 1, "filters": [4, 8, 8]}
    assert (point.start, point.view_size, point.config.spacing_mm) == ("scratch", None, None)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("residual", {"features": [4, 4, 4, 4, 4, 4], "blocks": [1] * 6, "strides": [1, 2, 2, 2, 2, 2]}),
        ("vit", {**VIT, "patch_size": 12, "num_layers": 1}),
    ],
)
def test_new_networks_that_need_large_views_are_built_too(name, arguments):
    """Their least view size is not that of the others, and nobody gave one."""
    point = starting_point(FinetuneConfig(encoder=name, encoder_arguments=arguments))
    assert point.encoder.family == name


def test_a_transformer_is_built_again_for_a_size_that_was_planned_and_others_are_not():
    vit = starting_point(FinetuneConfig(encoder="vit", encoder_arguments=VIT))
    assert encoder_for(vit, (16, 32, 16)).view_size == (16, 32, 16)
    assert encoder_for(vit, vit.encoder.view_size) is vit.encoder
    tiny = starting_point(FinetuneConfig(encoder="tiny", encoder_arguments=TINY))
    assert encoder_for(tiny, (16, 32, 16)) is tiny.encoder


def test_pretrained_position_embeddings_fit_one_patch_size(save_run):
    run = str(save_run("vit", (16, 32, 16), **VIT))
    assert starting_point(FinetuneConfig(run=run)).one_size == (16, 32, 16)
    with pytest.raises(InputError, match=r"patch_size: wanted \(16, 32, 16\), for which this 'vit' has position"):
        starting_point(FinetuneConfig(run=run, patch_size=(32, 32, 32)))
    scratch = starting_point(FinetuneConfig(run=run, start="scratch", patch_size=(32, 32, 32)))
    assert scratch.encoder.view_size == (32, 32, 32)


def test_new_weights_leave_other_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    starting_point(FinetuneConfig(encoder="tiny", encoder_arguments=TINY))
    assert torch.equal(torch.rand(1), expected)


def test_weights_of_another_architecture_are_refused(save_run):
    run, other = save_run("tiny", **TINY), save_run("tiny", folder="other", filters=[8, 8, 8], stem_stride=1)
    with pytest.raises(InputError, match="start: wanted weights of encoder 'tiny'"):
        starting_point(FinetuneConfig(run=str(run), start=str(other)))
    with pytest.raises(InputError, match="encoder: wanted 'tiny', the network of"):
        starting_point(FinetuneConfig(run=str(run), encoder="segresnet"))
    with pytest.raises(InputError, match="encoder_arguments: wanted those of"):
        starting_point(FinetuneConfig(run=str(run), encoder_arguments={"filters": [1, 2, 3]}))


@pytest.mark.parametrize("vouched", [False, True])
@pytest.mark.parametrize("kind", ["cut", "pickle"])
def test_weights_that_are_cut_or_a_pickle_are_refused_and_never_run(kind, vouched, save_run, tmp_path):
    file = save_run("tiny", **TINY) / "encoder.safetensors"
    mark = tmp_path / "it_ran"
    if kind == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        torch.save({"network_weights": MakesAFile(mark)}, file)
    if vouched:
        with_hash(file.parent, file.read_bytes())
    with pytest.raises(InputError, match="wanted a safetensors file" if vouched else "cut short or was changed"):
        starting_point(FinetuneConfig(start=str(file)))
    assert not mark.exists()


def test_a_file_of_others_decides_the_network_and_not_the_preparation(publish):
    path = str(publish("supervised_suprem_segresnet_2100.pth", segresnet()))
    for config in (FinetuneConfig(start=path), FinetuneConfig(run=path)):
        point = starting_point(config)
        assert (point.config.run, point.config.start, point.start) == (None, path, path)
        assert (point.config.encoder, point.config.encoder_arguments["init_filters"]) == ("segresnet", 8)
        assert (point.config.spacing_mm, point.view_size, point.spacing_of_run) == (None, None, False)
        assert point.adopted.share == 1.0
        assert torch.equal(point.encoder.state_dict()["convInit.conv.weight"], segresnet().convInit.conv.weight)
        again = starting_point(point.config)
        assert again.config == point.config
        assert equal(again.encoder, point.encoder)
    scratch = starting_point(FinetuneConfig(run=path, start="scratch"))
    assert (scratch.config.encoder, scratch.start, scratch.adopted) == ("segresnet", "scratch", None)


def test_a_file_of_others_goes_into_the_network_of_a_run(save_run, publish):
    path = str(publish("supervised_suprem_segresnet_2100.pth", segresnet()))
    run = str(save_run("segresnet", init_filters=8))
    point = starting_point(FinetuneConfig(run=run, start=path))
    assert (point.config.run, point.start, point.config.spacing_mm) == (run, path, (2.0, 2.0, 3.0))
    assert torch.equal(point.encoder.state_dict()["convInit.conv.weight"], segresnet().convInit.conv.weight)
    other = str(save_run("tiny", folder="other", **TINY))
    with pytest.raises(InputError, match="wanted weights of encoder 'tiny', got those of MONAI's SegResNet"):
        starting_point(FinetuneConfig(run=other, start=path))


def test_a_run_on_the_hub_decides_as_its_folder_does(save_run, fake_hub, tmp_path):
    run = save_run("tiny", **TINY)
    push(str(run), to=str(tmp_path / "pushed"))
    fake_hub.put("user/name", tmp_path / "pushed")
    here, there = (starting_point(FinetuneConfig(run=place)) for place in (str(run), "hf://user/name"))
    assert here.config.spacing_mm == there.config.spacing_mm
    assert equal(here.encoder, there.encoder)
