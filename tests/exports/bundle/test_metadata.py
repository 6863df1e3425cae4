"""What a bundle says about itself."""

import pytest

from orienteer.exports.bundle.metadata import BundleText, metadata, readme
from tests.exports.bundle.test_configs import FACTS


@pytest.mark.parametrize("licence", ["unknown: set it before you share the weights", "CC-BY-4.0"])
def test_the_licence_is_that_of_the_card(licence):
    text = BundleText("organs", False, licence, "0" * 64)
    assert metadata(FACTS, text, "monai.networks.nets.DynUNet")["copyright"] == licence
    assert text.licence_known == (licence == "CC-BY-4.0")
    assert f"Weights: {licence}" in readme(FACTS, text)


def test_labels_are_named_by_their_values_in_the_label_map():
    outputs = metadata(FACTS, BundleText("organs", False, "MIT", ""), "x")["network_data_format"]["outputs"]["pred"]
    assert outputs["channel_def"] == {"0": "background", "3": "liver", "300": "spleen"}
    assert outputs["num_channels"] == 3


@pytest.mark.parametrize("pretrained", [False, True])
def test_the_readme_says_what_inference_writes(pretrained):
    text = readme(FACTS, BundleText("organs", pretrained, "MIT", ""))
    assert ("Label maps need training first" in text) == pretrained
    assert ("MONAI Label" in text) != pretrained
    assert "1 x 1 x 2 mm" in text


def test_a_network_of_another_library_asks_for_it():
    packages = metadata(FACTS, BundleText("a", False, "MIT", ""), "dynamic_network_architectures.x.Y")
    assert "dynamic-network-architectures" in packages["required_packages_version"]
