"""Weights for nnU-Net: the network of the user's own plans, whole, for ``nnUNetv2_train -pretrained_weights``."""

import contextlib
import copy
import io
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.encoders.residual import ResidualEncoder
from orienteer.errors import InputError
from orienteer.exports.exported import ZERO_BIAS, Written, check_same, largest_difference, rows_of
from orienteer.exports.monai import small_size
from orienteer.exports.nnunet_axes import AxisMap
from orienteer.exports.nnunet_decoder import decoder_state, go_up, left_out, load_decoder
from orienteer.exports.nnunet_plans import PLAIN, PlannedNetwork
from orienteer.exports.stem import for_channels, is_stem

WEIGHTS = "nnunet_pretrained.pth"

OUTPUT_LAYERS = ".seg_layers."
"""The part of a tensor's name by which nnU-Net knows what it never loads."""


def write_nnunet(part: Path, encoder: Encoder, planned: PlannedNetwork, seed: int) -> Written:
    """Writes the planned network with the run's encoder in it, and its decoder where that was pretrained; the rest is new, as
    nnU-Net initialises it.

    nnU-Net's loader wants every tensor but those of the output layers, with its shape; so the whole network is written.

    Raises:
        InputError: the encoder is not the one of the plans; the message says how to train one that is. Or the network
            loaded back does not give the encoder's features.
    """
    check_fits(encoder, planned)
    network = planned.build(seed)
    loaded = load_into(network, encoder, planned.axes)
    decoder, blocks = load_decoder(network, encoder, planned.axes)
    torch.save({"network_weights": network.state_dict()}, part / WEIGHTS)
    again = planned.build(seed + 1, initialised=False)
    checked_with = load_as_nnunet(again, part / WEIGHTS)
    difference = features_differ(encoder, again, planned.axes, planned.channels, blocks)
    check_same("the planned network with the exported weights", difference)
    output_layers = {name for name in network.state_dict() if OUTPUT_LAYERS in f".{name}"}
    return Written(
        files=(WEIGHTS,),
        rows=(*rows_of(network, with_second_names(network, loaded | decoder), output_layers, depth=2),
              *left_out(encoder, blocks)),
        difference=difference,
        checked_with=checked_with,
        facts={"target": planned.target, "target_arguments": planned.arguments, "input_channels": planned.channels,
               "body_axis_of_each_axis": list(planned.axes.order), "flipped": list(planned.axes.flipped)},
        hint=f"use: nnUNetv2_train DATASET CONFIGURATION FOLD -p PLANS -pretrained_weights {{folder}}/{WEIGHTS}",
    )  # fmt: skip


def check_fits(encoder: Encoder, planned: PlannedNetwork) -> None:
    """Stops where the encoder is not the one that the plans call for."""
    family, wanted = planned.encoder()
    kind = DynUNetEncoder if planned.name == PLAIN else ResidualEncoder
    own = _as_planned(encoder)
    other = [key for key, value in wanted.items() if not isinstance(encoder, kind) or own.get(key) != value]
    if other:
        first = (
            f"{other[0]} {own.get(other[0])}, not {wanted[other[0]]}"
            if isinstance(encoder, kind)
            else "another network"
        )
        raise InputError(
            "run",
            wanted=f"an encoder '{family}' with the settings of these plans",
            got=f"encoder '{encoder.family}': {first}",
            do=f"train one that fits: {planned.how_to_train()}",
        )


def load_into(network: nn.Module, encoder: Encoder, axes: AxisMap) -> dict[str, str]:
    """Puts the encoder into nnU-Net's network and returns the names that hold it, each with what was changed.

    Raises:
        InputError: the network has a tensor in its encoder that the run does not fill, or the other way round.
    """
    own = axes.turn_weights(nnunet_names(encoder))
    wanted = network.state_dict()
    fitted = {
        name: for_channels(tensor, wanted[name].shape[1])
        if name in wanted and is_stem(tensor, wanted[name])
        else tensor
        for name, tensor in own.items()
    }
    left_over = [name for name in fitted if name not in wanted]
    other = [name for name, tensor in fitted.items() if name in wanted and wanted[name].shape != tensor.shape]
    filled = {wanted[name].data_ptr() for name in fitted if name in wanted}
    missing = [
        name for name, tensor in wanted.items() if name.startswith("encoder.") and tensor.data_ptr() not in filled
    ]
    if left_over or other or missing:
        raise InputError(
            "run",
            wanted="weights for every tensor of the planned network's encoder",
            got=f"{len(missing)} missing {missing[:3]}, {len(left_over)} left over {left_over[:3]}, "
            f"{len(other)} of another shape {other[:3]}",
            do="install the version of dynamic-network-architectures that nnU-Net asks for",
        )
    network.load_state_dict(fitted, strict=False)
    return with_second_names(network, {name: _why(name, tensor, own[name], encoder) for name, tensor in fitted.items()})


def with_second_names(network: nn.Module, whys: Mapping[str, str]) -> dict[str, str]:
    """Returns the same for every name that the library has for these tensors."""
    state = network.state_dict()
    places = {state[name].data_ptr(): why for name, why in whys.items()}
    return {name: places[tensor.data_ptr()] for name, tensor in state.items() if tensor.data_ptr() in places}


def nnunet_names(encoder: Encoder) -> dict[str, Tensor]:
    """Returns the encoder's weights by one of nnU-Net's names for each, axes still the body's; for a decoder's see
    `load_decoder`.

    Raises:
        InputError: nnU-Net has no such network.
    """
    naming = next((naming for kind, naming in _NAMINGS.items() if isinstance(encoder, kind)), None)
    if naming is None or dict(encoder.arguments).get("res_block"):
        raise InputError(
            "run",
            wanted="an encoder that nnU-Net has: 'residual', 'dynunet' or 'tiny' with plain blocks",
            got=f"'{encoder.family}' with {dict(encoder.arguments)}",
            do="train one of these, or use --to monai",
        )
    decoder = decoder_state(encoder)
    return naming({name: tensor.detach() for name, tensor in encoder.state_dict().items() if name not in decoder})


def load_as_nnunet(network: nn.Module, file: Path) -> str:
    """Loads a file with nnU-Net's own function where it is installed, else by the same rule, and says which.

    Raises:
        InputError: a tensor is missing or of another shape.
    """
    try:
        from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

        by = f"nnunetv2 {version('nnunetv2')}"
    except (ImportError, PackageNotFoundError):
        state = torch.load(file, weights_only=True)["network_weights"]
        wanted = network.state_dict()
        unfit = [name for name, tensor in wanted.items()
                 if OUTPUT_LAYERS not in name and (name not in state or state[name].shape != tensor.shape)]  # fmt: skip
        if unfit:
            raise _unfit(str(unfit[:3])) from None
        network.load_state_dict(
            {name: tensor if OUTPUT_LAYERS in name else state[name] for name, tensor in wanted.items()}
        )
        return f"dynamic-network-architectures {version('dynamic-network-architectures')}, by nnU-Net's rule"
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it announces itself with rows of hashes
            load_pretrained_weights(network, file)
    except AssertionError as error:
        raise _unfit(str(error)) from error
    return by


@torch.no_grad()
def features_differ(encoder: Encoder, network: nn.Module, axes: AxisMap, channels: int, blocks: int = 0) -> float:
    """Returns the largest difference between the run's features and those of nnU-Net's network on the same image, each in
    its own axes: of the encoder, and of as many blocks of the decoder as were loaded.
    """
    size0, size1, size2 = small_size(encoder)
    images = torch.rand(1, 1, size0, size1, size2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    own, order = mirrored(encoder, axes), AxisMap(axes.order, (False,) * 3)
    levels = own.encode(images)
    decoded = own.decode(levels)[-1 - blocks : -1] if blocks else ()
    theirs = tuple(network.get_submodule("encoder")(order.turn(images).expand(-1, channels, -1, -1, -1)))
    ours = tuple(order.turn(level) for level in (*levels, *decoded))
    return largest_difference(ours, (*theirs, *go_up(network, theirs, blocks)))


def mirrored(encoder: Encoder, axes: AxisMap) -> Encoder:
    """Returns the encoder with its kernels mirrored as ``axes`` says, axes still in the body's order.

    A mirrored kernel on a mirrored image gives the mirrored features, but for strides: those begin at the other end, so
    that cells lie up to one voxel beside where they were.
    """
    if not any(axes.flipped):
        return encoder
    along = [2 + body for body, flip in zip(axes.order, axes.flipped, strict=True) if flip]
    own = copy.deepcopy(encoder)
    own.load_state_dict({k: v.flip(along) if v.ndim == 5 else v for k, v in encoder.state_dict().items()})
    return own


def _as_planned(encoder: Encoder) -> dict[str, object]:
    """Returns the encoder's settings under the names that `PlannedNetwork.encoder` gives."""
    if isinstance(encoder, DynUNetEncoder):  # the tiny encoder is one, with shorter arguments
        target = encoder.target_arguments
        return {key: target[key] for key in ("filters", "kernel_size", "strides", "res_block")}
    return dict(encoder.arguments)


def _residual_names(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return dict(own)  # the encoder is the library's, under its own names


def _dynunet_names(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns MONAI's blocks as nnU-Net's: the same layers, with a bias of zero before each norm."""
    prefixes = sorted({name.split(".conv1.")[0] for name in own if ".conv1." in name}, key=_depth)
    named: dict[str, Tensor] = {}
    for stage, prefix in enumerate(prefixes):
        for layer in (1, 2):
            there = f"encoder.stages.{stage}.0.convs.{layer - 1}.all_modules"
            weight = own[f"{prefix}.conv{layer}.conv.weight"]
            named[f"{there}.0.weight"] = weight
            named[f"{there}.0.bias"] = torch.zeros(weight.shape[0])
            named[f"{there}.1.weight"] = own[f"{prefix}.norm{layer}.weight"]
            named[f"{there}.1.bias"] = own[f"{prefix}.norm{layer}.bias"]
    return named


def _depth(prefix: str) -> int:
    part, _, number = prefix.partition(".")
    return {"input_block": 0, "downsamples": 1, "bottleneck": 1_000}[part] + int(number or 0)


_NAMINGS: dict[type[Encoder], Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] = {
    ResidualEncoder: _residual_names,
    DynUNetEncoder: _dynunet_names,
}


def _why(name: str, tensor: Tensor, before: Tensor, encoder: Encoder) -> str:
    if isinstance(encoder, DynUNetEncoder) and name.endswith(".all_modules.0.bias"):
        return ZERO_BIAS
    return "" if tensor.shape == before.shape else "shared out over channels"


def _unfit(got: str) -> InputError:
    return InputError(
        "the exported file",
        wanted="every tensor of the planned network",
        got=got,
        do="install the version of dynamic-network-architectures that nnU-Net asks for",
    )
