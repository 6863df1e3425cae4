"""Segmentation networks: the network that an encoder was made for, with its weights in it and a new output layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
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
"""The arguments with which a target also gives the coarser outputs of its decoder."""

NO_DECODER = ("monai.networks.nets.ViT",)
"""Targets that do not segment."""


@dataclass(frozen=True)
class Loaded:
    """What became of each weight of a network.

    Attributes:
        level: encoder level (0 is the finest) of every weight of the encoder, by its name in the network.
        new: names of the weights that are drawn anew: the output layer, and the decoder where it was not pretrained.
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
        """Returns logits ``(batch, classes, size0, size1, size2)``, in training perhaps a list of them."""
        given = self.network(images)
        if isinstance(given, Tensor):  # DynUNet stacks its levels on axis 1
            given = given.unbind(1) if given.ndim == 6 else [given]
        outputs = list(given)
        size = images.shape[2:]
        if outputs[0].shape[2:] != size:  # a network with a stride in its first layer: `tiny`
            outputs = [F.interpolate(output, size=size, mode="trilinear", align_corners=False) for output in outputs]
        return outputs if self.training and len(outputs) > 1 else outputs[0]


def build_segmenter(encoder: Encoder, classes: int, deep_supervision: bool, seed: int) -> tuple[Segmenter, Loaded]:
    """Returns the network that an encoder was made for, with the encoder's weights in it.

    Args:
        encoder: the weights to begin with.
        classes: outputs, background among them.
        deep_supervision: give the coarser outputs of the decoder too, where the network can.
        seed: decides the new weights.

    Raises:
        InputError: an encoder without a network that segments, or weights that do not fit into it.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> encoder = build_encoder("tiny", (32, 32, 32), filters=(4, 4, 4))
        >>> network, loaded = build_segmenter(encoder, classes=3, deep_supervision=True, seed=0)
        >>> network.eval()(torch.zeros(1, 1, 32, 32, 32)).shape, loaded.levels
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
    return segmenter, load_into(segmenter.network, encoder)


def load_into(network: nn.Module, encoder: Encoder) -> Loaded:
    """Puts an encoder's weights into the network that it was made for: all of them, each with its shape.

    Raises:
        InputError: naming the first weights that the network lacks or has in another shape.
    """
    weights, own = encoder.transferable(), network.state_dict()
    wrong = [name for name in weights if name not in own or own[name].shape != weights[name].shape]
    if wrong:
        raise InputError(
            "weights",
            wanted=f"names and shapes of {encoder.target}",
            got=f"{len(wrong)} of {len(weights)} that it lacks or has in another shape, first {wrong[0]}",
            do="check that the versions of the libraries are those that orienteer asks for",
        )
    network.load_state_dict(weights, strict=False)
    # Libraries hold some modules under two names; a weight is the same where its memory is.
    loaded = {own[name].data_ptr() for name in weights}
    new = tuple(name for name, tensor in unique_state(network).items() if tensor.data_ptr() not in loaded)
    return Loaded(_levels(network, encoder), new, len(encoder.channels))


def unique_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns a network's state with each tensor once, under the first of its names."""
    state = network.state_dict()
    seen: dict[int, str] = {}
    for name, tensor in state.items():
        seen.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), name)
    return {name: state[name] for name in seen.values()}


def load_unique(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Puts back what `unique_state` returned.

    Raises:
        InputError: the state is another network's; names the first tensors that do not fit.
    """
    own = unique_state(network)
    wrong = [name for name in own if name not in state or state[name].shape != own[name].shape]
    wrong += [name for name in state if name not in own]
    if wrong:
        raise InputError(
            source,
            wanted="the weights of the network that is described beside them",
            got=f"{len(wrong)} tensors that do not fit, first {wrong[0]}",
            do="copy both files again from one folder",
        )
    network.load_state_dict(dict(state), strict=False)


def fast_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself, so that mixed precision is faster and not slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in known)


def _guard(convolution: nn.Conv3d) -> None:
    """Keeps a convolution in 32 bits where bfloat16 on CPUs is wrong; see `exact_where_bf16_fails`."""
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
    own = network.state_dict(keep_vars=True)
    by_weight = {own[name].data_ptr(): level for name, level in by_name.items()}
    return {
        name: by_weight[parameter.data_ptr()]
        for name, parameter in network.named_parameters()
        if parameter.data_ptr() in by_weight
    }
