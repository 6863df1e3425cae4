"""Weights with an adaptation plan: the file that nnssl's fine-tuning reads, in nnU-Net's newer source."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.encoders.states import load_state
from orienteer.exports.exported import WrittenExport
from orienteer.exports.feature_check import require_same_features
from orienteer.exports.nnunet import fill_nnunet_encoder
from orienteer.exports.nnunet_axes import AxisMap
from orienteer.exports.nnunet_check import INSTALL_LIBRARY, nnunet_difference
from orienteer.exports.nnunet_decoder import left_out_rows
from orienteer.exports.nnunet_names import encoder_under_nnunet_names
from orienteer.exports.nnunet_plans import FIXED, PLAIN, RESIDUAL, PlannedNetwork
from orienteer.exports.transfer_table import LEFT_OUT, LOADED, TransferRow, network_rows
from orienteer.files import write_json
from orienteer.runs.recipe import Card, spacing_of

WEIGHTS, PLAN_FILE, CONFIG_FILE = "checkpoint_final.pth", "adaptation_plan.json", "config.json"
"""The names that nnU-Net expects in a folder on a model hub: it refuses one that lacks any of the three."""

CONFIGURATION = "orienteer"

NEW_DECODER = "nnU-Net builds a new one"

PATCH_VOX = 128
"""nnU-Net trains on patches of the recommended size. Views for pretraining are often smaller, and segmentation needs
context; so at least this many voxels are recommended, rounded down to what the network takes."""

_UNET = "dynamic_network_architectures.architectures.unet"

CITATIONS = [
    {
        "type": "Pretraining",
        "name": "Spatial-aware self-supervision",
        "apa_citations": [
            "Zhang, Chen, Zhang: Spatial-Aware Self-Supervision for Medical 3D Imaging with Multi-Granularity Observable "
            "Tasks. arXiv 2509.05967, 2025."
        ],
    }
]


def write_nnssl(part: Path, encoder: Encoder, card: Card, axes: AxisMap) -> WrittenExport:
    """Writes the encoder with its adaptation plan, and the two other files that a folder on a model hub needs.

    nnssl's fine-tuning builds the network that the plan describes, with a new decoder, and shares the first convolution
    out over the input channels.

    Args:
        part: folder to write into.
        card: encoder.json of the run.
        axes: the orientation of nnU-Net's arrays in the body.

    Raises:
        InputError: nnU-Net has no such network, or the network loaded back has other features.
    """
    planned = planned_for(encoder, axes)
    network = planned.build(seed=0, initialised=False)  # only what is loaded into it is written
    loaded = fill_nnunet_encoder(network, encoder, axes)
    weights = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("encoder.")}
    plan = adaptation_plan(encoder, card, planned, network)
    content = {"network_weights": weights, "nnssl_adaptation_plan": plan, "citations": CITATIONS}
    torch.save(content, part / WEIGHTS)
    write_json(part / PLAN_FILE, plan)
    write_json(part / CONFIG_FILE, dict(card))
    again = planned.build(seed=1, initialised=False)
    load_as_nnssl(again, part / WEIGHTS)
    difference = nnunet_difference(encoder, again, axes, planned.channels)
    require_same_features("nnU-Net's network with the exported weights", difference)
    every = network_rows(network, loaded, set(), depth=2)
    rows = tuple(row for row in every if row.what == LOADED and "decoder" not in row.part)
    left_out = left_out_rows(encoder, 0, NEW_DECODER) or (TransferRow("decoder", LEFT_OUT, (), 0, NEW_DECODER),)
    return WrittenExport(
        files=(WEIGHTS, PLAN_FILE, CONFIG_FILE),
        rows=(*rows, *left_out),
        difference=difference,
        checked_with=f"{planned.target}, strict=True for {network.key_to_encoder} and {network.key_to_stem}",
        facts=axes.facts(),
        hint=f"use: nnUNetv2_preprocess_like_nnssl -d DATASET -n NAME -pc {{folder}}/{WEIGHTS} -am like_pretrained",
    )


def planned_for(encoder: Encoder, axes: AxisMap) -> PlannedNetwork:
    """Returns the network of nnU-Net that has this encoder.

    Raises:
        InputError: there is none.
    """
    encoder_under_nnunet_names(encoder)  # refuses what nnU-Net does not have
    stages = len(encoder.channels)
    settings = encoder.target_arguments
    plain = isinstance(encoder, DynUNetEncoder)
    kernels, strides = settings["kernel_size" if plain else "kernel_sizes"], settings["strides"]
    arguments: dict[str, Any] = {
        "n_stages": stages,
        "features_per_stage": list(encoder.channels),
        "kernel_sizes": [axes.triple(kernel) for kernel in kernels],
        "strides": [axes.triple(step) for step in strides],
        **({"n_conv_per_stage": [2] * stages} if plain else {"n_blocks_per_stage": settings["n_blocks_per_stage"]}),
        "n_conv_per_stage_decoder": [2 if plain else 1] * (stages - 1),
        "conv_bias": True,
        **FIXED,
        "dropout_op_kwargs": None,
    }
    name = PLAIN if plain else RESIDUAL
    return PlannedNetwork(name, f"{_UNET}.{name}", arguments, 1, axes)


def adaptation_plan(encoder: Encoder, card: Card, planned: PlannedNetwork, network: nn.Module) -> dict[str, Any]:
    """Returns what nnssl's fine-tuning needs to know about the weights, in plain values."""
    axes = planned.axes
    views, divisor = axes.triple(encoder.view_size), axes.triple(encoder.divisor)
    patch = [max(view, PATCH_VOX // step * step) for view, step in zip(views, divisor, strict=True)]
    configuration = {"spacing": axes.triple(spacing_of(card)), "spacing_style": CONFIGURATION, "patch_size": views}
    return {
        "architecture_plans": {
            "arch_class_name": planned.target,
            "arch_kwargs": planned.arguments,
            "arch_kwargs_requiring_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "pretrain_plan": {
            "dataset_name": card["data_fingerprint"],
            "plans_name": f"orienteer-{card['method']}",
            "transpose_forward": [0, 1, 2],
            "transpose_backward": [0, 1, 2],
            "configurations": {CONFIGURATION: configuration},
        },
        "pretrain_num_input_channels": 1,
        "recommended_downstream_patchsize": patch,
        "key_to_encoder": network.key_to_encoder,
        "key_to_stem": network.key_to_stem,
        "keys_to_in_proj": list(network.keys_to_in_proj),  # type: ignore[arg-type]
        "key_to_lpe": getattr(network, "key_to_lpe", None),
        "trainer_name": "orienteer",
    }


def load_as_nnssl(network: nn.Module, file: Path) -> None:
    """Loads a file as nnU-Net's fine-tuning from nnssl does: no pickled code, encoder and stem each strictly.

    See ``PretrainedTrainer.load_pretrained_weights`` in https://github.com/MIC-DKFZ/nnUNet (after 2.8.1).
    """
    content = torch.load(file, weights_only=True)
    plan, state = content["nnssl_adaptation_plan"], content["network_weights"]
    for key in ("key_to_encoder", "key_to_stem"):
        start, module = f"{plan[key]}.", network.get_submodule(str(getattr(network, key)))
        weights = {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}
        load_state(module, weights, file.name, f"the weights of {plan[key]}", INSTALL_LIBRARY)
