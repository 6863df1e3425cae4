"""Initial weights of output layers: those of the regression, better than random ones, for every network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from orienteer.finetuning.segmentation.network import build_segmenter
from orienteer.finetuning.segmentation.output_layer import fit_logits, fit_output_layers, output_layers
from orienteer.finetuning.segmentation.patches import PatchBatch
from tests.helpers.small_encoders import SMALL, VARIANTS

CLASSES = 3
SEGMENTING = {**{name: small for name, small in SMALL.items() if name != "vit"}, "unetr": VARIANTS["vit of UNETR"]}


def patches(size, seed: int, brightness=(-1.0, 0.0, 1.0)) -> PatchBatch:
    """Two patches whose classes are slabs of different brightness, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(2, 1, *size, dtype=torch.uint8)
    labels[:, :, :, :, size[2] // 3 :] = 1
    labels[:, :, :, :, 2 * size[2] // 3 :] = 2
    images = torch.tensor(brightness)[labels.long()] + 0.2 * torch.randn(2, 1, *size, generator=generator)
    return PatchBatch(images, labels, ("one", "two"))


def features_of(rows: int, kinds: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(rows, 4)) * 3 + 5 + kinds[:, None] * [1.0, -1.0, 0.5, 0.0]).astype(np.float32)


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2)])
def test_logits_are_those_of_the_regression_on_standardised_features(present):
    kinds = np.array(present)[np.arange(120) % len(present)]
    features, weights = features_of(120, kinds), np.ones(120)
    matrix, bias = fit_logits(features, kinds, weights, CLASSES)
    logits = torch.from_numpy(features @ matrix.T + bias)[:, list(present)]
    standard = (features - features.mean(0)) / features.std(0)
    expected = LogisticRegression(max_iter=200, tol=1e-3).fit(standard, kinds).predict_proba(standard)
    assert np.allclose(logits.softmax(1).numpy(), expected, atol=2e-3)


def test_a_class_that_does_not_occur_is_very_unlikely_but_can_be_learned():
    kinds = np.array([0, 1] * 20)
    matrix, bias = fit_logits(features_of(40, kinds), kinds, np.ones(40), CLASSES)
    assert not matrix[2].any()
    assert -20 < bias[2] < -5


def test_a_channel_that_is_constant_has_no_weight():
    kinds = np.array([0, 1] * 20)
    features = features_of(40, kinds)
    features[:, 3] = 7.0
    matrix, bias = fit_logits(features, kinds, np.ones(40), 2)
    assert not matrix[:, 3].any()
    assert np.isfinite(matrix).all()
    assert np.isfinite(bias).all()


@pytest.mark.parametrize("name", SEGMENTING)
def test_every_network_begins_better_than_with_random_weights(name):
    small = SEGMENTING[name]
    network, filled = build_segmenter(small.build(), CLASSES, deep_supervision=name != "tiny", seed=0)
    layers = output_layers(network.network, CLASSES, filled.new)
    assert layers
    batch = patches(small.view_size, seed=9)

    def loss() -> float:
        with torch.no_grad():
            return float(F.cross_entropy(network.eval()(batch.images), batch.labels[:, 0].long()))

    before = loss()
    kept = {key: value.detach().clone() for key, value in network.named_parameters()}
    network.train()
    voxels = fit_output_layers(network, layers, [patches(small.view_size, seed) for seed in range(3)], CLASSES, seed=0)
    assert voxels > 1000
    assert loss() < min(before, np.log(CLASSES))
    changed = {key for key, value in network.named_parameters() if not torch.equal(value, kept[key])}
    assert {key.removeprefix("network.").rpartition(".")[0] for key in changed} <= set(layers)


def test_pretrained_weights_are_never_taken_for_an_output_layer():
    network, filled = build_segmenter(SMALL["dynunet"].build(), CLASSES, deep_supervision=False, seed=0)
    assert output_layers(network.network, CLASSES, filled.new)
    assert not output_layers(network.network, CLASSES, new=[])


def test_patches_of_one_class_leave_the_layer_as_it_is():
    small = SMALL["tiny"]
    network, filled = build_segmenter(small.build(), CLASSES, deep_supervision=False, seed=0)
    layers = output_layers(network.network, CLASSES, filled.new)
    batch = patches(small.view_size, seed=0)
    batch.labels.zero_()
    before = {name: layer.weight.clone() for name, layer in layers.items()}
    assert fit_output_layers(network.train(), layers, [batch], CLASSES, seed=0) == 0
    assert all(torch.equal(layer.weight, before[name]) for name, layer in layers.items())
