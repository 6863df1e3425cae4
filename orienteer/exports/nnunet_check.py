"""Loading an exported file as nnU-Net does, and comparing its features with the run's on the same image."""

import contextlib
import copy
import io
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.states import compare_state
from orienteer.errors import InputError
from orienteer.exports.feature_check import largest_difference, random_images, small_size
from orienteer.exports.nnunet_axes import AxisMap
from orienteer.exports.nnunet_decoder import decode_with_nnunet

INSTALL_LIBRARY = "install the version of dynamic-network-architectures that nnU-Net requires"

OUTPUT_LAYERS = ".seg_layers."
"""The part of a tensor's name by which nnU-Net recognises what it never loads."""


def load_as_nnunet(network: nn.Module, file: Path) -> str:
    """Loads a file with nnU-Net's own function where it is installed, else by the same rule, and returns with which.

    Raises:
        InputError: a tensor is missing or of another shape.
    """
    try:
        from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

        loader = f"nnunetv2 {version('nnunetv2')}"
    except (ImportError, PackageNotFoundError):
        _load_by_rule(network, file)
        return f"dynamic-network-architectures {version('dynamic-network-architectures')}, by nnU-Net's rule"
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a banner
            load_pretrained_weights(network, file)
    except AssertionError as error:
        raise _unfit(str(error)) from error
    return loader


@torch.no_grad()
def nnunet_difference(encoder: Encoder, network: nn.Module, axes: AxisMap, channels: int, blocks: int = 0) -> float:
    """Returns the largest difference between the run's features and those of nnU-Net's network on the same image, each in
    its own axes: of the encoder, and of as many blocks of the decoder as were loaded.
    """
    images = random_images(1, small_size(encoder))
    ours_mirrored, order = mirrored(encoder, axes), AxisMap(axes.order, (False,) * 3)
    levels = ours_mirrored.encode(images)
    decoded = ours_mirrored.decode(levels)[-1 - blocks : -1] if blocks else ()
    theirs = tuple(network.get_submodule("encoder")(order.turn(images).expand(-1, channels, -1, -1, -1)))
    ours = tuple(order.turn(level) for level in (*levels, *decoded))
    return largest_difference(ours, (*theirs, *decode_with_nnunet(network, theirs, blocks)))


def mirrored(encoder: Encoder, axes: AxisMap) -> Encoder:
    """Returns the encoder with its kernels mirrored as in ``axes``, axes still in the body's order.

    A mirrored kernel on a mirrored image gives the mirrored features, except for strides: those begin at the other end, so
    that cells are shifted by up to one voxel.
    """
    if not any(axes.flipped):
        return encoder
    along = [2 + body for body, flip in zip(axes.order, axes.flipped, strict=True) if flip]
    other = copy.deepcopy(encoder)
    other.load_state_dict({k: v.flip(along) if v.ndim == 5 else v for k, v in encoder.state_dict().items()})
    return other


def _load_by_rule(network: nn.Module, file: Path) -> None:
    """Loads every tensor but the output layers, all of which must be in the file."""
    state = torch.load(file, weights_only=True)["network_weights"]
    current = network.state_dict()
    loaded = {name: tensor for name, tensor in current.items() if OUTPUT_LAYERS not in name}
    report = compare_state(state, loaded)
    if report.missing or report.reshaped:
        raise _unfit(str([*report.missing, *report.reshaped][:3]))
    network.load_state_dict({**current, **{name: state[name] for name in loaded}})


def _unfit(got: str) -> InputError:
    wanted = "every tensor of the planned network"
    return InputError("the exported file", wanted=wanted, got=got, do=INSTALL_LIBRARY)
