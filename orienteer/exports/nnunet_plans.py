"""The network of an nnUNetPlans.json, and the encoder that fits it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orienteer.encoders.base import as_triple
from orienteer.encoders.target import build_target
from orienteer.errors import InputError
from orienteer.exports.nnunet_axes import AxisMap, axis_map

RESIDUAL, PLAIN = "ResidualEncoderUNet", "PlainConvUNet"

_REORIENTS = "NibabelIOWithReorient"
"""The reader of nnU-Net that reorients images to RAS."""

FIXED = {
    "conv_op": "torch.nn.Conv3d",
    "norm_op": "torch.nn.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "dropout_op": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
"""What nnU-Net's planners write for every 3D network; the encoders here are built with the same."""

_UNSUPPORTED = ("bottleneck_channels", "stem_channels", "block", "nonlin_first")
"""Arguments of the classes that planners leave at their defaults."""


@dataclass(frozen=True)
class PlannedNetwork:
    """The network of one configuration of a plans file.

    Attributes:
        name: ``ResidualEncoderUNet`` or ``PlainConvUNet``.
        target: that class, as ``package.module.Class``.
        arguments: its arguments except the numbers of channels and classes; torch's classes as ``torch.nn.Conv3d``.
        channels: input channels.
        axes: the orientation of nnU-Net's arrays in the body.
    """

    name: str
    target: str
    arguments: dict[str, Any]
    channels: int
    axes: AxisMap

    def build(self, seed: int, initialised: bool = True) -> nn.Module:
        """Returns the network with new weights, initialised as by nnU-Net, or as by torch, which is faster."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_target(self.target, self.arguments, input_channels=self.channels, num_classes=2)
            if initialised:
                network.apply(network.initialize)  # type: ignore[arg-type]
        return network.eval()

    def encoder(self) -> tuple[str, dict[str, Any]]:
        """Returns name and arguments of the encoder that fits, for ``--encoder`` and ``--encoder-arguments``."""
        kernels = [self.axes.body_triple(kernel) for kernel in self.arguments["kernel_sizes"]]
        strides = [self.axes.body_triple(step) for step in self.arguments["strides"]]
        features = list(self.arguments["features_per_stage"])
        if self.name == PLAIN:
            return "dynunet", {"filters": features, "kernel_size": kernels, "strides": strides, "res_block": False}
        blocks = list(self.arguments["n_blocks_per_stage"])
        return "residual", {"features": features, "blocks": blocks, "kernel_size": kernels, "strides": strides}

    def how_to_train(self) -> str:
        """Returns the ``orienteer pretrain`` command that trains an encoder that fits."""
        name, arguments = self.encoder()
        return f"orienteer pretrain SCANS --out RUN --encoder {name} --encoder-arguments '{json.dumps(arguments)}'"


def read_plans(path: str | Path, configuration: str, file_axes: str) -> PlannedNetwork:
    """Returns the network of one configuration of nnU-Net's plans.

    Args:
        path: ``nnUNetPlans.json`` or another plans file.
        configuration: such as ``3d_fullres``.
        file_axes: the directions of the images' axes; see `axis_map`. Ignored where the plans name a reader that
            reorients images to RAS.

    Raises:
        InputError: no such file or configuration, a 2D network, or one that no encoder here fits.
    """
    plans = _read(Path(path))
    settings = _configuration(plans, configuration, str(path))
    if "architecture" not in settings:
        raise _refused(path, "plans of nnU-Net 2.4 or later, with an `architecture`", "older ones")
    if settings.get("previous_stage"):
        raise _refused(path, "a configuration that sees images only", f"the cascade {configuration}")
    architecture = settings["architecture"]
    target = str(architecture["network_class_name"])
    name = target.rpartition(".")[2]
    if name not in (RESIDUAL, PLAIN):
        raise _refused(path, f"{RESIDUAL} or {PLAIN}", name)
    arguments = _arguments(architecture)
    _check(path, name, arguments)
    ras = plans.get("image_reader_writer") == _REORIENTS
    axes = axis_map("RAS" if ras else file_axes, plans.get("transpose_forward", (0, 1, 2)))
    return PlannedNetwork(name, target, arguments, len(settings["normalization_schemes"]), axes)


def _read(path: Path) -> dict[str, Any]:
    try:
        plans = json.loads(path.read_text())
        if not isinstance(plans["configurations"], dict):
            raise TypeError("configurations is not a table")
    except OSError as error:
        raise InputError(
            "plans",
            wanted="nnU-Net's plans file",
            got=f"{path} ({error.strerror})",
            do="run nnUNetv2_plan_experiment, and give nnUNet_preprocessed/DATASET/nnUNetPlans.json",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        got = f"{path}, another file"
        raise InputError("plans", wanted="nnU-Net's plans file", got=got, do="give nnUNetPlans.json") from error
    return dict(plans)


def _configuration(plans: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    """Returns a configuration, inherited settings included."""
    chain: list[Mapping[str, Any]] = []
    wanted: str | None = name
    while wanted is not None:
        if wanted not in plans["configurations"] or len(chain) > len(plans["configurations"]):
            raise InputError(
                "configuration",
                wanted=f"one of {', '.join(plans['configurations'])}, as in {path}",
                got=repr(wanted),
                do="use one of these with --configuration",
            )
        chain.append(plans["configurations"][wanted])
        wanted = chain[-1].get("inherits_from")
    return {key: value for settings in reversed(chain) for key, value in settings.items()}


def _arguments(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the class's arguments with torch's classes as ``torch.nn.Name``, whatever module the plans name."""
    arguments = dict(architecture["arch_kwargs"])
    for key in architecture["_kw_requires_import"]:
        value = arguments.get(key)
        if isinstance(value, str) and value.startswith("torch.nn."):
            arguments[key] = f"torch.nn.{value.rpartition('.')[2]}"
    stages = arguments["n_stages"]
    for key in ("kernel_sizes", "strides"):
        value = arguments[key]
        arguments[key] = [list(as_triple(item)) for item in ([value] * stages if isinstance(value, int) else value)]
    for key in ("features_per_stage", "n_blocks_per_stage", "n_conv_per_stage"):
        if isinstance(arguments.get(key), int):
            arguments[key] = [arguments[key]] * stages
    return arguments


def _check(path: str | Path, name: str, arguments: Mapping[str, Any]) -> None:
    """Raises an error for a network that no encoder here fits."""
    if "Conv2d" in str(arguments["conv_op"]):
        raise _refused(path, "a 3D configuration", "a 2D one")
    for key, value in FIXED.items():
        if arguments.get(key) != value:
            raise _refused(path, f"{key} {value}, as nnU-Net plans it", str(arguments.get(key)))
    for key in _UNSUPPORTED:
        if arguments.get(key) not in (None, False):
            raise _refused(path, f"no {key}, as nnU-Net plans it", str(arguments[key]))
    if name == PLAIN and set(arguments["n_conv_per_stage"]) != {2}:
        raise _refused(path, "two convolutions per stage, as nnU-Net plans it", str(arguments["n_conv_per_stage"]))


def _refused(path: str | Path, wanted: str, got: str) -> InputError:
    return InputError(
        f"plans {path}", wanted=wanted, got=got, do="choose another --configuration or plan again with nnU-Net"
    )
