"""Weights for nnU-Net: the whole network of the user's plans, for ``nnUNetv2_train -pretrained_weights``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.encoders.residual import ResidualEncoder
from orienteer.errors import InputError
from orienteer.exports.exported import WrittenExport
from orienteer.exports.feature_check import require_same_features
from orienteer.exports.filling import SHARED_CHANNELS, fill_network, fit_channels, with_second_names
from orienteer.exports.nnunet_axes import AxisMap
from orienteer.exports.nnunet_check import INSTALL_LIBRARY, OUTPUT_LAYERS, load_as_nnunet, nnunet_difference
from orienteer.exports.nnunet_decoder import fill_nnunet_decoder, left_out_rows
from orienteer.exports.nnunet_names import encoder_under_nnunet_names
from orienteer.exports.nnunet_plans import PLAIN, PlannedNetwork
from orienteer.exports.transfer_table import ZERO_BIAS, network_rows

WEIGHTS = "nnunet_pretrained.pth"


def write_nnunet(part: Path, encoder: Encoder, planned: PlannedNetwork, seed: int) -> WrittenExport:
    """Writes the planned network with the run's encoder, and its decoder where that was pretrained; the rest is new, as
    nnU-Net initialises it.

    nnU-Net's loader requires every tensor but those of the output layers, with its shape; so the whole network is written.

    Args:
        part: folder to write into.
        seed: of the new weights.

    Raises:
        InputError: the encoder is not the one of the plans; the message says how to train one that is. Or the network
            loaded back has other features.
    """
    check_planned(encoder, planned)
    network = planned.build(seed)
    loaded = fill_nnunet_encoder(network, encoder, planned.axes)
    decoder, blocks = fill_nnunet_decoder(network, encoder, planned.axes)
    torch.save({"network_weights": network.state_dict()}, part / WEIGHTS)
    again = planned.build(seed + 1, initialised=False)
    checked_with = load_as_nnunet(again, part / WEIGHTS)
    difference = nnunet_difference(encoder, again, planned.axes, planned.channels, blocks)
    require_same_features("the planned network with the exported weights", difference)
    output_layers = {name for name in network.state_dict() if OUTPUT_LAYERS in f".{name}"}
    rows = network_rows(network, with_second_names(network, loaded | decoder), output_layers, depth=2)
    return WrittenExport(
        files=(WEIGHTS,),
        rows=(*rows, *left_out_rows(encoder, blocks)),
        difference=difference,
        checked_with=checked_with,
        facts={
            "target": planned.target,
            "target_arguments": planned.arguments,
            "input_channels": planned.channels,
            **planned.axes.facts(),
        },
        hint=f"use: nnUNetv2_train DATASET CONFIGURATION FOLD -p PLANS -pretrained_weights {{folder}}/{WEIGHTS}",
    )


def check_planned(encoder: Encoder, planned: PlannedNetwork) -> None:
    """Raises an error where the encoder is not the one that the plans call for."""
    family, wanted = planned.encoder()
    kind = DynUNetEncoder if planned.name == PLAIN else ResidualEncoder
    settings = _settings_as_planned(encoder)
    other = [key for key, value in wanted.items() if settings.get(key) != value]
    if isinstance(encoder, kind) and not other:
        return
    key = next(iter(other), "")
    difference = f"{key} {settings.get(key)}, not {wanted[key]}" if isinstance(encoder, kind) else "another network"
    raise InputError(
        "run",
        wanted=f"an encoder '{family}' with the settings of these plans",
        got=f"encoder '{encoder.family}': {difference}",
        do=f"train one that fits: {planned.how_to_train()}",
    )


def fill_nnunet_encoder(network: nn.Module, encoder: Encoder, axes: AxisMap) -> dict[str, str]:
    """Copies the encoder into nnU-Net's network and returns the names that now hold it, each with what was changed.

    Raises:
        InputError: the network's encoder has a tensor that the run does not fill, or the other way round.
    """
    turned = axes.turn_weights(encoder_under_nnunet_names(encoder))
    fitted = fit_channels(turned, network)
    wanted = "weights for every tensor of the planned network's encoder"
    fill_network(network, fitted, "run", wanted, INSTALL_LIBRARY)
    loaded = with_second_names(network, {name: _note(name, fitted[name], turned[name], encoder) for name in fitted})
    missing = [name for name in network.state_dict() if name.startswith("encoder.") and name not in loaded]
    if missing:
        raise InputError("run", wanted=wanted, got=f"{len(missing)} missing {missing[:3]}", do=INSTALL_LIBRARY)
    return loaded


def _settings_as_planned(encoder: Encoder) -> Mapping[str, Any]:
    """Returns the encoder's settings under the names that `PlannedNetwork.encoder` uses."""
    if isinstance(encoder, DynUNetEncoder):  # the tiny encoder is one, with fewer arguments
        target = encoder.target_arguments
        return {key: target[key] for key in ("filters", "kernel_size", "strides", "res_block")}
    return encoder.arguments


def _note(name: str, tensor: Tensor, before: Tensor, encoder: Encoder) -> str:
    if isinstance(encoder, DynUNetEncoder) and name.endswith(".all_modules.0.bias"):
        return ZERO_BIAS
    return "" if tensor.shape == before.shape else SHARED_CHANNELS
