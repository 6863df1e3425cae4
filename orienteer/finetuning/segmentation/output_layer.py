"""Initial weights of a segmentation network's output layers: fitted on the features of the first patches.

A network that is fine-tuned has a new output layer. Initialised at random, it predicts all classes equally often, and
its first gradients overwrite pretrained weights in the layers below; with many classes that phase takes hundreds of
steps. A logistic regression from the features of labelled voxels to their classes takes seconds and has a unique
optimum. It helps new networks as well as pretrained ones. (Kumar et al., *Fine-Tuning can Distort Pretrained Features and
Underperform Out-of-Distribution*, ICLR 2022: linear probing first, then fine-tuning.)
"""

import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32, Float64, Int64
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from orienteer.finetuning.segmentation.patches import PatchBatch
from orienteer.probing.models import balanced, channel_scale
from orienteer.probing.sampling import sample_voxels

FIT_BATCHES = 16
"""Number of steps whose patches the regression is fitted on."""

VOXELS = 200
"""Voxels sampled from each patch: half anywhere, half equally from its classes."""

BALANCE = 0.5
"""How strongly rare classes are weighted up: 0 by frequency, 1 all classes equally."""

ABSENT = -10.0
"""The bias of a class that occurs in no patch: very unlikely, but still learnable."""

MOST_STEPS = 200
"""Largest number of iterations of the logistic regression."""

OutputLayer = nn.Conv3d | nn.ConvTranspose3d


def output_layers(network: nn.Module, classes: int, new: Sequence[str]) -> dict[str, OutputLayer]:
    """Returns the 1x1x1 convolutions that output classes, by name; only those with new weights.

    Args:
        new: names of the network's parameters that are not pretrained.

    Example:
        >>> network = nn.Sequential(nn.Conv3d(1, 4, kernel_size=3), nn.Conv3d(4, 3, kernel_size=1))
        >>> list(output_layers(network, classes=3, new=["1.weight", "1.bias"]))
        ['1']
    """
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, OutputLayer)
        and module.out_channels == classes
        and module.groups == 1
        and set(module.kernel_size) == {1}
        and module.bias is not None
        and f"{name}.weight" in new
    }


@torch.no_grad()
def fit_output_layers(
    network: nn.Module,
    layers: dict[str, OutputLayer],
    batches: Iterable[PatchBatch],
    classes: int,
    seed: int,
) -> int:
    """Sets weight and bias of output layers by logistic regression and returns the number of voxels used.

    Args:
        network: the whole network on its device, in training mode, so that the coarser outputs are computed too.
        layers: as `output_layers` returns them.
        batches: labelled patches, augmented as for training.
        classes: outputs, background among them.
        seed: of the voxels that are sampled.

    Where the patches hold a single class there is nothing to fit, and the layers stay unchanged.
    """
    inputs: dict[str, Tensor] = {}

    def keep_input(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, given: inputs.__setitem__(name, given[0].float())

    hooks = [layer.register_forward_pre_hook(keep_input(name)) for name, layer in layers.items()]
    rows: dict[str, list[Float32[np.ndarray, "voxels channels"]]] = {name: [] for name in layers}
    labels_of, weights = [], []
    rng = np.random.default_rng([seed, 3])
    try:
        for batch in batches:
            network(batch.images)
            for item, labels in enumerate(batch.labels[:, 0].cpu().numpy()):
                points, kinds, weight = sample_voxels(rng, labels.astype(np.uint8), classes, VOXELS)
                labels_of.append(kinds)
                weights.append(weight)
                for name in inputs:  # a layer that the network does not use is not fitted
                    rows[name].append(_features_at(inputs[name][item], points, labels.shape))
    finally:
        for hook in hooks:
            hook.remove()
    kinds, weight = np.concatenate(labels_of), np.concatenate(weights)
    if len(np.unique(kinds)) < 2:
        return 0
    for name in inputs:
        matrix, bias = fit_logits(np.concatenate(rows[name]), kinds, weight, classes)
        _set(layers[name], matrix, bias)
    return len(kinds)


def fit_logits(
    features: Float32[np.ndarray, "rows channels"],
    kinds: Int64[np.ndarray, " rows"],
    weights: Float64[np.ndarray, " rows"],
    classes: int,
) -> tuple[Float64[np.ndarray, "classes channels"], Float64[np.ndarray, " classes"]]:
    """Returns matrix and bias of a logistic regression, for features that are not standardised.

    Args:
        kinds: class number of each row; at least two different classes.
        weights: number of voxels that each row represents.

    Example:
        >>> features = np.float32([[0.0], [1.0], [10.0], [11.0]])
        >>> matrix, bias = fit_logits(features, np.array([0, 0, 2, 2]), np.ones(4), classes=3)
        >>> (features @ matrix.T + bias).argmax(1).tolist()
        [0, 0, 2, 2]
    """
    mean, scale = channel_scale(features)
    model = LogisticRegression(max_iter=MOST_STEPS, tol=1e-3)
    with warnings.catch_warnings():  # an approximate optimum is good enough for initial weights
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((features - mean) / scale, kinds, sample_weight=balanced(kinds, weights, classes, BALANCE))
    matrix, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn returns the difference of the two
        matrix, bias = np.concatenate([-matrix, matrix]) / 2, np.concatenate([-bias, bias]) / 2
    full, offset = np.zeros((classes, features.shape[1])), np.full(classes, ABSENT)
    full[model.classes_] = matrix / scale
    offset[model.classes_] = bias - (matrix / scale) @ mean
    return full, offset


def _features_at(
    cells: Float32[Tensor, "channels cells0 cells1 cells2"],
    points_vox: Int64[np.ndarray, "points 3"],
    shape_vox: tuple[int, ...],
) -> Float32[np.ndarray, "points channels"]:
    """Returns the features of the cells that contain the points."""
    at_cell = points_vox * np.array(cells.shape[1:]) // np.array(shape_vox)
    return (
        rearrange(cells[:, at_cell[:, 0], at_cell[:, 1], at_cell[:, 2]], "channels points -> points channels")
        .cpu()
        .numpy()
    )


def _set(layer: OutputLayer, matrix: Float64[np.ndarray, "classes channels"], bias: np.ndarray) -> None:
    across = matrix.T if isinstance(layer, nn.ConvTranspose3d) else matrix
    layer.weight.copy_(torch.from_numpy(across)[..., None, None, None])
    assert layer.bias is not None
    layer.bias.copy_(torch.from_numpy(bias))
