"""Outputs have the size of the images."""

import torch
from torch import nn

from orienteer.exports.bundle.scripts.network import ImageSized


def test_outputs_of_a_strided_network_are_enlarged():
    images = torch.rand(1, 1, 8, 6, 4)
    assert ImageSized(nn.Conv3d(1, 3, 2, stride=2))(images).shape == (1, 3, 8, 6, 4)


def test_others_stay_as_they_are():
    images, network = torch.rand(1, 1, 8, 6, 4), nn.Conv3d(1, 3, 1)
    assert torch.equal(ImageSized(network)(images), network(images))
