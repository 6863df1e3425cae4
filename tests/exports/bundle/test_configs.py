"""The configs of bundles: keys that programs ask for, and values that JSON holds."""

import json
from dataclasses import replace

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


def test_predictions_hold_the_numbers_that_name_their_classes():
    assert inference_config(FACTS)["label_values"] == [0, 1, 2]
    assert training_config(FACTS)["label_values"] == [0, 3, 300]  # those of the label maps that it reads


def test_the_weights_are_loaded_by_the_evaluator_itself():
    """3D Slicer runs the evaluator alone; without its weights it would predict with new ones, and say nothing."""
    config = inference_config(FACTS)
    assert config["handlers"][0]["_target_"] == "CheckpointLoader"
    assert config["evaluator"]["val_handlers"] == "@handlers"


def every_component(config):
    if isinstance(config, dict):
        yield from ([config] if "_target_" in config else [])
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from every_component(value)


@pytest.mark.parametrize("make", [inference_config, features_config, training_config])
def test_every_component_of_the_scripts_makes_sure_that_they_are_found(make):
    network = network_definition("monai.networks.nets.DynUNet", {}, enlarged=True)
    scripts = [each for each in every_component(make(replace(FACTS, network=network)))
               if each["_target_"].startswith("scripts.")]  # fmt: skip
    assert len(scripts) >= 2
    assert all(each["_requires_"] == "@scripts" for each in scripts)


def test_a_class_of_torch_becomes_an_expression():
    definition = network_definition("a.B", {"conv_op": "torch.nn.Conv3d", "stages": 3}, enlarged=True)
    assert definition["_target_"] == "scripts.network.ImageSized"
    assert definition["network"] == {"_target_": "a.B", "conv_op": "$torch.nn.Conv3d", "stages": 3}


def test_training_never_crops_since_labels_may_lie_where_the_outline_is_uncertain():
    assert FACTS.recipe["crop_to_body"] is True
    assert training_config(FACTS)["recipe"]["crop_to_body"] is False
