"""Weights for plain MONAI: the whole target network as a state dict that its class loads with ``strict=True``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.states import load_state
from orienteer.encoders.target import build_target
from orienteer.errors import InputError
from orienteer.exports.exported import WrittenExport
from orienteer.exports.feature_check import largest_difference, random_images, require_same_features, small_size
from orienteer.exports.filling import SHARED_CHANNELS, fill_network, fit_channels, with_second_names
from orienteer.exports.transfer_table import network_rows

WEIGHTS = "network.pt"


def write_monai(part: Path, encoder: Encoder, classes: int | None, channels: int, seed: int) -> WrittenExport:
    """Writes the target network with the run's encoder, and its decoder where that was pretrained; the rest is new, as
    MONAI initialises it.

    Args:
        part: folder to write into.
        classes: output channels of the target network, by default 2; its output layer is always new.
        channels: input channels; the weights of the first convolution are shared out over them.
        seed: of the new weights.

    Raises:
        InputError: the encoder is not part of a MONAI network, or the network loaded back has other features.
    """
    if encoder.target is None or not encoder.target.startswith("monai."):
        raise InputError(
            "to",
            wanted="a run whose encoder is one of MONAI's",
            got=f"encoder '{encoder.family}', of {encoder.target}",
            do="use --to nnunet or --to nnssl for one of nnU-Net's, and --to onnx or --to torch-export for any",
        )
    segments = encoder.target_outputs in encoder.target_arguments  # a ViT alone outputs features, not classes
    if classes is not None and not segments:
        wanted = "a network that segments"
        raise InputError("classes", wanted=wanted, got=f"{encoder.target}", do="omit --classes")
    outputs = {encoder.target_outputs: classes or 2} if segments else {}
    arguments = {**encoder.target_arguments, "in_channels": channels, **outputs}
    network = _network(encoder.target, arguments, seed)
    loaded = fill_monai_network(network, encoder)
    torch.save({name: tensor.clone() for name, tensor in network.state_dict().items()}, part / WEIGHTS)
    state = torch.load(part / WEIGHTS, weights_only=True)
    again = _network(encoder.target, arguments, seed + 1)
    load_state(again, state, WEIGHTS, f"the weights of {encoder.target}", "report this")
    difference, cell = _compared(encoder, again, channels)
    require_same_features(f"{encoder.target} with the exported weights", difference)
    more = _network(
        encoder.target, {**arguments, **{name: count + 1 for name, count in outputs.items()}}, seed
    ).state_dict()
    output_layer = {name for name, tensor in state.items() if tensor.shape != more[name].shape}
    name = encoder.target.rpartition(".")[2]
    coarse = f"\nits output has one cell per {' x '.join(map(str, cell))} voxels: upsample it" if max(cell) > 1 else ""
    return WrittenExport(
        files=(WEIGHTS,),
        rows=network_rows(network, loaded, output_layer),
        difference=difference,
        checked_with=f"{encoder.target}, strict=True",
        facts={"target": encoder.target, "target_arguments": arguments, "voxels_per_output_cell": cell},
        hint=f'use: {name}(**target_arguments of export.json).load_state_dict(torch.load("{{folder}}/{WEIGHTS}")){coarse}',
    )


def fill_monai_network(network: nn.Module, encoder: Encoder) -> dict[str, str]:
    """Copies all of the encoder's weights into its target network and returns the names that now hold them.

    Where MONAI has two names for a tensor, both are returned. The value says what was changed, if anything.

    Raises:
        InputError: the target lacks a tensor or has it in another shape; names the first ones.
    """
    weights = encoder.transferable()
    fitted = fit_channels(weights, network)
    fill_network(
        network,
        fitted,
        str(encoder.target),
        wanted=f"all {len(weights)} tensors of encoder '{encoder.family}'",
        do="install the version of the library that encoder.json lists",
    )
    changed = {name: "" if tensor.shape == weights[name].shape else SHARED_CHANNELS for name, tensor in fitted.items()}
    return with_second_names(network, changed)


def _network(target: str, arguments: Mapping[str, Any], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_target(target, arguments).eval()


@torch.no_grad()
def _compared(encoder: Encoder, network: nn.Module, channels: int) -> tuple[float, list[int]]:
    """Runs the whole target network and compares the outputs of its modules with those of the encoder's stages, and of the
    blocks of its decoder where that is pretrained.

    Returns:
        The largest difference, and voxels per cell of the target's output: a network whose first stride is 2 has one
        output for every second voxel.
    """
    size = small_size(encoder)
    images = random_images(1, size)
    ends = [_last_named(encoder, stage) for stage in (*encoder.stages(), *map(nn.Sequential, encoder.decoder()))]
    ours, _ = _outputs(encoder, [encoder.get_submodule(name) for name in ends], images)
    prefix = next(iter(encoder.transferable())).removesuffix(next(iter(encoder.state_dict())))
    modules = [network.get_submodule(prefix + name) for name in ends]
    theirs, output = _outputs(network, modules, images.expand(-1, channels, -1, -1, -1))
    cells = output.shape[2:] if isinstance(output, Tensor) else size
    return largest_difference(ours, theirs), [voxels // cell for voxels, cell in zip(size, cells, strict=True)]


def _last_named(encoder: Encoder, stage: nn.Sequential) -> str:
    """Returns the name of the last module of a stage that the target has too."""
    names: dict[int, str] = {id(module): name for name, module in encoder.named_modules()}
    return next(names[id(module)] for module in reversed(stage) if id(module) in names)


def _outputs(network: nn.Module, modules: Sequence[nn.Module], images: Tensor) -> tuple[tuple[Tensor, ...], Any]:
    """Returns the output of each of the modules for the images, and that of the network."""
    outputs: dict[int, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda module, _, output: outputs.__setitem__(id(module), output.clone()))
        for module in modules
    ]
    try:
        output = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(outputs[id(module)] for module in modules), output
