"""Weights for plain MONAI: the whole target network as a state dict that its class loads with ``strict=True``."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.target import build_target
from orienteer.errors import InputError
from orienteer.exports.exported import Written, check_same, largest_difference, rows_of
from orienteer.exports.stem import for_channels, is_stem
from orienteer.types import Triple

WEIGHTS = "network.pt"


def write_monai(part: Path, encoder: Encoder, classes: int | None, channels: int, seed: int) -> Written:
    """Writes the target network with the run's encoder in it, and its decoder where that was pretrained; the rest is new, as
    MONAI initialises it.

    Args:
        part: folder to write into.
        classes: output channels of the target network, by default 2; its output layer is new in any case.
        channels: input channels; the first convolution is shared out over them.
        seed: of the new weights.

    Raises:
        InputError: the encoder has no MONAI network, or the network loaded back does not give its features.
    """
    if encoder.target is None or not encoder.target.startswith("monai."):
        raise InputError(
            "to",
            wanted="a run whose encoder is one of MONAI's",
            got=f"encoder '{encoder.family}', of {encoder.target}",
            do="use --to nnunet or --to nnssl for this one",
        )
    segments = encoder.target_outputs in encoder.target_arguments  # a ViT alone gives features, not classes
    if classes is not None and not segments:
        raise InputError(
            "classes", wanted="it for networks that segment only", got=f"{encoder.target}", do="leave it out"
        )
    outputs = {encoder.target_outputs: classes or 2} if segments else {}
    arguments = {**encoder.target_arguments, "in_channels": channels, **outputs}
    network = _network(encoder.target, arguments, seed)
    loaded = load_into(network, encoder)
    torch.save({name: tensor.clone() for name, tensor in network.state_dict().items()}, part / WEIGHTS)
    state = torch.load(part / WEIGHTS, weights_only=True)
    again = _network(encoder.target, arguments, seed + 1)
    again.load_state_dict(state, strict=True)
    difference, cell = _compared(encoder, again, channels)
    check_same(f"{encoder.target} with the exported weights", difference)
    more = _network(
        encoder.target, {**arguments, **{name: count + 1 for name, count in outputs.items()}}, seed
    ).state_dict()
    output_layer = {name for name, tensor in state.items() if tensor.shape != more[name].shape}
    name = encoder.target.rpartition(".")[2]
    coarse = f"\nits output has one cell per {' x '.join(map(str, cell))} voxels: enlarge it" if max(cell) > 1 else ""
    return Written(
        files=(WEIGHTS,),
        rows=rows_of(network, loaded, output_layer),
        difference=difference,
        checked_with=f"{encoder.target}, strict=True",
        facts={"target": encoder.target, "target_arguments": arguments, "voxels_per_output_cell": cell},
        hint=f'use: {name}(**target_arguments of export.json).load_state_dict(torch.load("{{folder}}/{WEIGHTS}")){coarse}',
    )


def load_into(network: nn.Module, encoder: Encoder) -> dict[str, str]:
    """Puts the encoder's weights into its target network, every one of them, and returns the names that now hold them.

    Libraries hold some modules under two names; both are returned. The value says what was changed on the way, if
    anything.

    Raises:
        InputError: the target lacks a tensor or has it in another shape; names the first ones.
    """
    own, wanted = encoder.transferable(), network.state_dict()
    missing = [name for name in own if name not in wanted]
    fitted = {name: _fitted(tensor, wanted[name]) for name, tensor in own.items() if name in wanted}
    other = [name for name, tensor in fitted.items() if tensor.shape != wanted[name].shape]
    if missing or other:
        raise InputError(
            str(encoder.target),
            wanted=f"a place for each of the {len(own)} tensors of encoder '{encoder.family}'",
            got=f"{len(missing)} without one {missing[:3]}, {len(other)} of another shape {other[:3]}",
            do="install the version of the library that encoder.json names",
        )
    network.load_state_dict(fitted, strict=False)
    whys = {
        name: "" if tensor.shape == own[name].shape else "shared out over channels" for name, tensor in fitted.items()
    }
    places = {wanted[name].data_ptr(): why for name, why in whys.items()}
    return {name: places[tensor.data_ptr()] for name, tensor in wanted.items() if tensor.data_ptr() in places}


def small_size(encoder: Encoder) -> Triple:
    """Returns a small view size that the encoder takes: twice its divisor where it may, for checks that are quick."""
    size0, size1, size2 = (2 * step for step in encoder.divisor)
    try:
        encoder.check_size((size0, size1, size2))
    except InputError:
        return encoder.view_size
    return size0, size1, size2


def _fitted(tensor: Tensor, wanted: Tensor) -> Tensor:
    return for_channels(tensor, wanted.shape[1]) if is_stem(tensor, wanted) else tensor


def _network(target: str, arguments: dict, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_target(target, arguments).eval()


@torch.no_grad()
def _compared(encoder: Encoder, network: nn.Module, channels: int) -> tuple[float, list[int]]:
    """Runs the whole target network and compares what its own modules give with each stage of the encoder, and with each
    block of its decoder where that is pretrained.

    Returns:
        The largest difference, and voxels per cell of the target's output: a network whose first stride is 2 segments
        every second voxel.
    """
    size = small_size(encoder)
    images = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ends = [_last_named(encoder, stage) for stage in (*encoder.stages(), *map(nn.Sequential, encoder.decoder()))]
    ours, _ = _outputs(encoder, [encoder.get_submodule(name) for name in ends], images)
    prefix = next(iter(encoder.transferable())).removesuffix(next(iter(encoder.state_dict())))
    modules = [network.get_submodule(prefix + name) for name in ends]
    theirs, output = _outputs(network, modules, images.expand(-1, channels, -1, -1, -1))
    cells = output.shape[2:] if isinstance(output, Tensor) else size
    return largest_difference(ours, theirs), [voxels // cell for voxels, cell in zip(size, cells, strict=True)]


def _last_named(encoder: Encoder, stage: nn.Sequential) -> str:
    """Returns the name of the last module of a stage that the target has as well."""
    names = {id(module): name for name, module in encoder.named_modules()}
    return next(names[id(module)] for module in reversed(stage) if id(module) in names)


def _outputs(network: nn.Module, modules: list[nn.Module], images: Tensor) -> tuple[tuple[Tensor, ...], Any]:
    """Returns what each of the modules gave while the network saw the images, and what the network gave."""
    found: dict[int, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda module, _, output: found.__setitem__(id(module), output.clone()))
        for module in modules
    ]
    try:
        output = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(found[id(module)] for module in modules), output
