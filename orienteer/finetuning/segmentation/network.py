"""Segmentation networks: the network that an encoder is part of, with its weights in it and a new output layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
from orienteer.encoders.states import compare_state
from orienteer.encoders.target import build_target
from orienteer.errors import InputError

DEEP_SUPERVISION: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "monai.networks.nets.DynUNet": lambda arguments: {
        "deep_supervision": True,
        "deep_supr_num": min(2, len(arguments["strides"]) - 2),
    },
    "monai.networks.nets.MedNeXt": lambda arguments: {"deep_supervision": True},
    "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet": lambda arguments: {
        "deep_supervision": True
    },
}
"""The arguments with which a target also returns the coarser outputs of its decoder."""

NO_DECODER = ("monai.networks.nets.ViT",)
"""Targets that do not segment."""


@dataclass(frozen=True)
class FilledNetwork:
    """Where the weights of a network come from.

    Attributes:
        level: encoder level (0 is the finest) of every weight of the encoder, by its name in the network.
        new: names of the new weights: the output layer, and the decoder where it was not pretrained.
        levels: how many levels the encoder has.
    """

    level: dict[str, int]
    new: tuple[str, ...]
    levels: int


class Segmenter(nn.Module):
    """A target network whose logits always have the size of the images.

    While training it returns a list, finest first, where the network is supervised at several levels.
    """

    def __init__(self, target: str, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.target, self.arguments = target, dict(arguments)
        self.network = build_target(target, arguments)
        for module in self.network.modules():
            if isinstance(module, nn.Conv3d):
                _guard(module)

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        """Returns logits ``(batch, classes, size0, size1, size2)``; in training, a list of them under deep supervision."""
        logits = self.network(images)
        if isinstance(logits, Tensor):  # DynUNet stacks its levels on axis 1
            logits = logits.unbind(1) if logits.ndim == 6 else [logits]
        outputs = list(logits)
        size = images.shape[2:]
        if outputs[0].shape[2:] != size:  # a network with a stride in its first layer: `tiny`
            outputs = [F.interpolate(output, size=size, mode="trilinear", align_corners=False) for output in outputs]
        return outputs if self.training and len(outputs) > 1 else outputs[0]


def build_segmenter(
    encoder: Encoder, classes: int, deep_supervision: bool, seed: int
) -> tuple[Segmenter, FilledNetwork]:
    """Returns the network that an encoder is part of, with the encoder's weights in it.

    Args:
        encoder: its weights are copied.
        classes: outputs, background among them.
        deep_supervision: return the coarser outputs of the decoder too, where the network supports it.
        seed: determines the new weights.

    Raises:
        InputError: an encoder without a network that segments, or weights that do not fit into it.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> encoder = build_encoder("tiny", (32, 32, 32), filters=(4, 4, 4))
        >>> network, filled = build_segmenter(encoder, classes=3, deep_supervision=True, seed=0)
        >>> network.eval()(torch.zeros(1, 1, 32, 32, 32)).shape, filled.levels
        (torch.Size([1, 3, 32, 32, 32]), 3)
    """
    if encoder.target is None or encoder.target in NO_DECODER:
        raise InputError(
            "encoder",
            wanted="an encoder that is part of a segmentation network",
            got=f"'{encoder.family}' with arguments {dict(encoder.arguments)}",
            do="pretrain another encoder; a vit needs patches of 16 voxels and 12 layers, as UNETR has",
        )
    more = DEEP_SUPERVISION[encoder.target](encoder.target_arguments) if _supervised(encoder, deep_supervision) else {}
    arguments = {**encoder.target_arguments, **more, encoder.target_outputs: classes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        segmenter = Segmenter(encoder.target, arguments)
    return segmenter, fill_encoder(segmenter.network, encoder)


def fill_encoder(network: nn.Module, encoder: Encoder) -> FilledNetwork:
    """Copies an encoder's weights into the network that it is part of: every tensor, with its shape.

    Raises:
        InputError: naming the first tensors that the network lacks or has in another shape.
    """
    weights, state = encoder.transferable(), network.state_dict()
    report = compare_state(weights, state)
    if report.unexpected or report.reshaped:
        raise InputError(
            "weights",
            wanted=f"names and shapes of {encoder.target}",
            got=str(replace(report, missing=())),
            do="check that the versions of the libraries are those that orienteer requires",
        )
    network.load_state_dict(weights, strict=False)
    # Libraries register some modules under two names; a weight is the same where its memory is.
    filled = {state[name].data_ptr() for name in weights}
    new = tuple(name for name, tensor in unique_state(network).items() if tensor.data_ptr() not in filled)
    return FilledNetwork(_levels(network, encoder), new, len(encoder.channels))


def unique_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns a network's state with each tensor once, under the first of its names."""
    state = network.state_dict()
    seen: dict[int, str] = {}
    for name, tensor in state.items():
        seen.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), name)
    return {name: state[name] for name in seen.values()}


def load_unique(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Loads what `unique_state` returned.

    Raises:
        InputError: the state is another network's; names the first tensors that do not fit.
    """
    report = compare_state(state, unique_state(network))
    if not report.fits:
        wanted, do = "the weights of the network in model.json", "copy both files again from one folder"
        raise InputError(source, wanted=wanted, got=str(report), do=do)
    network.load_state_dict(dict(state), strict=False)


def _guard(convolution: nn.Conv3d) -> None:
    """Keeps a convolution in 32 bits where bfloat16 is wrong on CPUs; see `exact_where_bf16_fails`."""
    compute = convolution.forward

    def forward(input: Tensor) -> Tensor:
        with exact_where_bf16_fails(convolution, input, input.shape[2]) as exact:
            return compute(exact)

    convolution.forward = forward  # type: ignore[method-assign]


def _supervised(encoder: Encoder, wanted: bool) -> bool:
    return wanted and encoder.target in DEEP_SUPERVISION


def _levels(network: nn.Module, encoder: Encoder) -> dict[str, int]:
    """Returns the encoder level of each parameter of the network that came from the encoder."""
    places = {
        parameter.data_ptr(): level
        for level, stage in reversed(list(enumerate(encoder.stages())))
        for parameter in stage.parameters()
    }
    decoder = {parameter.data_ptr() for parameter in encoder.decoder().parameters()}
    # Weights that belong to no stage (a position embedding) count as the first layer.
    by_name = {
        name: places.get(tensor.data_ptr(), 0)
        for name, tensor in encoder.transferable().items()
        if tensor.data_ptr() not in decoder
    }
    state = network.state_dict(keep_vars=True)
    by_weight = {state[name].data_ptr(): level for name, level in by_name.items()}
    return {
        name: by_weight[parameter.data_ptr()]
        for name, parameter in network.named_parameters()
        if parameter.data_ptr() in by_weight
    }
