"""What a bundle says about itself."""

from dataclasses import replace

import pytest

from orienteer.exports.bundle.metadata import BundleText, metadata, readme
from tests.exports.bundle.test_configs import FACTS


@pytest.mark.parametrize("licence", ["unknown: set it before you share the weights", "CC-BY-4.0"])
def test_the_licence_is_that_of_the_card(licence):
    text = BundleText("organs", False, licence, "0" * 64)
    assert metadata(FACTS, text, "monai.networks.nets.DynUNet")["copyright"] == licence
    assert text.licence_known == (licence == "CC-BY-4.0")
    assert f"Weights: {licence}" in readme(FACTS, text)


def test_labels_are_named_by_the_numbers_of_their_channels():
    outputs = metadata(FACTS, BundleText("organs", False, "MIT", ""), "x")["network_data_format"]["outputs"]["pred"]
    assert outputs["channel_def"] == {"0": "background", "1": "liver", "2": "spleen"}
    assert outputs["num_channels"] == 3


@pytest.mark.parametrize("pretrained", [False, True])
def test_the_readme_says_what_inference_writes(pretrained):
    text = readme(FACTS, BundleText("organs", pretrained, "MIT", ""))
    assert ("Label maps need training first" in text) == pretrained
    assert ("MONAI Label" in text) != pretrained
    assert "1 x 1 x 2 mm" in text


@pytest.mark.parametrize(("start", "words"), [("pretrained", "a pretrained encoder"), ("scratch", "new weights")])
def test_the_description_says_where_training_began(start, words):
    described = metadata(FACTS, BundleText("organs", False, "MIT", "", start), "x")["description"]
    assert described.endswith(f"beginning with {words}.")


def test_the_readme_says_how_to_get_the_values_of_the_data_set():
    text = BundleText("organs", False, "MIT", "")
    assert "- 2: spleen (300 in the data set)" in readme(FACTS, text)
    assert "--label_values '[0, 3, 300]'" in readme(FACTS, text)
    assert "data set add" not in readme(replace(FACTS, classes={0: "background", 1: "liver"}), text)


def test_a_network_of_another_library_asks_for_it():
    packages = metadata(FACTS, BundleText("a", False, "MIT", ""), "dynamic_network_architectures.x.Y")
    assert "dynamic-network-architectures" in packages["required_packages_version"]
