"""The classifier's levels and logits."""

import torch

from orienteer.encoders import build_encoder
from orienteer.finetuning.classification.network import Classifier


def test_levels_name_every_weight_of_the_encoder_and_no_other() -> None:
    network = Classifier(build_encoder("tiny", (32, 32, 32), filters=(4, 8, 8)), 2, seed=0)
    levels = network.levels()
    assert set(levels) == {name for name, _ in network.named_parameters() if name.startswith("encoder.")}
    assert set(levels.values()) == {0, 1, 2}


def test_logits_of_a_scan_do_not_depend_on_the_order_of_its_views() -> None:
    network = Classifier(build_encoder("tiny", (32, 32, 32), filters=(4, 8, 8)), 3, seed=0).eval()
    images = torch.randn(2, 4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network(images), network(images[:, [2, 0, 3, 1]]), atol=1e-5)
        assert network(images).shape == (2, 3)
