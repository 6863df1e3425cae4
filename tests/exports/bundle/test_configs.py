"""The configs of bundles: keys that programs ask for, and values that JSON holds."""

import json

import pytest

from orienteer.exports.bundle.configs import (
    BundleFacts,
    features_config,
    inference_config,
    network_definition,
    recipe_fields,
    training_config,
)
from orienteer.scans.preparation import Preparation

FACTS = BundleFacts(
    network_definition("monai.networks.nets.DynUNet", {"in_channels": 1}, enlarged=False),
    recipe_fields(Preparation(spacing_mm=(1.0, 1.0, 2.0)), "CT"),
    (16, 32, 48),
    0.25,
    {0: "background", 3: "liver", 300: "spleen"},
)


@pytest.mark.parametrize("make", [inference_config, features_config, training_config])
def test_a_config_is_plain_json(make):
    config = make(FACTS)
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(config, sort_keys=True))
    assert {"bundle_root", "device", "dataset_dir", "initialize", "run", "network_def"} <= set(config)


def test_the_parts_that_monai_label_takes_are_there():
    config = inference_config(FACTS)
    assert {"preprocessing", "postprocessing", "inferer", "network_def", "device"} <= set(config)
    assert config["preprocessing"]["transforms"][0]["_target_"] == "LoadImaged"
    assert config["postprocessing"]["transforms"][-1]["_target_"] == "SaveImaged"


def test_the_window_is_that_of_predict():
    window = inference_config(FACTS)["inferer"]
    assert (window["roi_size"], window["overlap"], window["mode"], window["cval"]) == (
        [16, 32, 48],
        0.25,
        "gaussian",
        -1.0,
    )


def test_label_values_above_255_get_a_wider_type():
    assert inference_config(FACTS)["postprocessing"]["transforms"][-1]["output_dtype"] == "$numpy.int32"


def test_a_class_of_torch_becomes_an_expression():
    definition = network_definition("a.B", {"conv_op": "torch.nn.Conv3d", "stages": 3}, enlarged=True)
    assert definition["_target_"] == "scripts.network.ImageSized"
    assert definition["network"] == {"_target_": "a.B", "conv_op": "$torch.nn.Conv3d", "stages": 3}


def test_training_never_crops_since_labels_may_lie_where_the_outline_is_uncertain():
    assert FACTS.recipe["crop_to_body"] is True
    assert training_config(FACTS)["recipe"]["crop_to_body"] is False
