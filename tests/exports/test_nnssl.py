"""The file for nnssl's fine-tuning, loaded as nnU-Net's newer source loads it."""

import json
from pathlib import Path

import pytest
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.runs.weights import load_encoder
from tests.helpers.nnunet_networks import RAS, SIZE, assert_same_features, fitting_run, image_file
from tests.helpers.nnunet_plans import plain_kwargs, residual_kwargs, write_plans
from tests.helpers.saved_runs import SaveRun


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


def test_a_pretrained_decoder_is_named_as_left_out_for_nnssl(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, filters=[4, 8, 8], decoder=True)
    exported = export(str(run), to="nnssl")
    (row,) = [row for row in exported.written.rows if row.what == "left out"]
    encoder, _ = load_encoder(run)
    assert set(row.names) == {key for key in encoder.state_dict() if key.startswith("upsamples.")} != set()
    assert row.why == "nnU-Net builds a new one"
    weights = torch.load(exported.files[0], weights_only=True)["network_weights"]
    assert all(key.startswith("encoder.") for key in weights)
