"""ADAPTERS: how the weights that others publish are recognised, and how their names become those of an encoder.

What stands before the names (``module.``, ``backbone.``, ``encoder.``, ``student.swinViT.``) is not listed here: the prefix
under which most names fit is looked for in every file, see `orienteer.encoders.adoption`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from orienteer.encoders.base import Encoder

State = Mapping[str, Tensor]

Settings = tuple[str, dict[str, Any]]
"""Name and arguments of an encoder."""


@dataclass(frozen=True)
class Adapter:
    """The rules for weights of one origin.

    Attributes:
        origin: whose they are.
        families: encoders that they fit.
        mark: a regular expression that a name of such a file matches, and no name of another.
        describe: returns the arguments of the first of the families from the shapes of the tensors.
        rename: returns the tensors under the names of an encoder, prefixes apart.
        input: what images they were trained on, where that differs from what an encoder here gets.
    """

    origin: str
    families: tuple[str, ...]
    mark: str
    describe: Callable[[State], dict[str, Any]]
    rename: Callable[[State, Encoder], dict[str, Tensor]] = lambda state, encoder: dict(state)
    input: str = ""

    def settings(self, state: State) -> Settings:
        """Returns the encoder that the weights are of."""
        return self.families[0], self.describe(state)


def adapter_of(state: State) -> Adapter | None:
    """Returns the rules for the tensors of a file; None where no mark fits.

    Example:
        >>> import torch
        >>> adapter_of({"module.backbone.swinViT.patch_embed.proj.weight": torch.zeros(48, 1, 2, 2, 2)}).families
        ('swinunetr',)
        >>> adapter_of({"fc.weight": torch.zeros(2, 2)}) is None
        True
    """
    return next((each for each in ADAPTERS if any(re.search(each.mark, name) for name in state)), None)


def _swin_settings(state: State) -> dict[str, Any]:
    start = _prefix(state, r"patch_embed\.proj\.weight$")
    tables = [state[f"{start}layers{stage}.0.blocks.0.attn.relative_position_bias_table"] for stage in range(1, 5)]
    return {
        "feature_size": state[f"{start}patch_embed.proj.weight"].shape[0],
        "depths": [_count(state, rf"layers{stage}\.0\.blocks\.(\d+)\.norm1\.weight$") for stage in range(1, 5)],
        "num_heads": [table.shape[1] for table in tables],
        "window_size": (round(tables[0].shape[0] ** (1 / 3)) + 1) // 2,
        "use_v2": any(name.startswith(f"{start}layers1c.") for name in state),
    }


def _swin_names(state: State, encoder: Encoder) -> dict[str, Tensor]:
    """Returns the blocks' two linear layers under the names that they have in MONAI since version 0.9."""
    return {re.sub(r"\.mlp\.fc([12])\.", r".mlp.linear\1.", name): tensor for name, tensor in state.items()}


def _segresnet_settings(state: State) -> dict[str, Any]:
    start = _prefix(state, r"convInit\.conv\.weight$")
    levels = _count(state, r"down_layers\.(\d+)\.")
    return {
        "init_filters": state[f"{start}convInit.conv.weight"].shape[0],
        "blocks_down": [len(_numbers(state, rf"down_layers\.{level}\.(\d+)\.conv1\.")) for level in range(levels)],
    }


_UNIT = r"(?:all_modules\.0|conv)\.weight$"
"""How nnU-Net names the convolution of a unit: twice."""

_LAYER = r"stages\.{stage}\.0\.convs\.0\." + _UNIT
_BLOCK = r"stages\.{stage}\.blocks\.0\.conv1\." + _UNIT


def _residual_settings(state: State) -> dict[str, Any]:
    first = _first_of_stages(state, _BLOCK)
    blocks = [_count(state, rf"encoder\.stages\.{stage}\.blocks\.(\d+)\.conv1\.") for stage in range(len(first))]
    return {"features": [tensor.shape[0] for tensor in first], "blocks": blocks, **_kernels_and_strides(first)}


def _plain_settings(state: State) -> dict[str, Any]:
    first = _first_of_stages(state, _LAYER)
    return {"filters": [tensor.shape[0] for tensor in first], **_kernels_and_strides(first)}


def _first_of_stages(state: State, pattern: str) -> list[Tensor]:
    """Returns the weights of the first convolution of every stage of nnU-Net's encoder."""
    stages = _count(state, r"(?<!decoder\.)stages\.(\d+)\.")
    patterns = [pattern.replace("{stage}", str(stage)) for stage in range(stages)]
    return [next(tensor for name, tensor in state.items() if re.search(each, name)) for each in patterns]


def _kernels_and_strides(first: list[Tensor]) -> dict[str, Any]:
    """Returns the kernels, and the strides of most of nnU-Net's plans: weights do not say what their strides are."""
    kernels = [list(tensor.shape[2:])[::-1] for tensor in first]
    return {"kernel_size": kernels, "strides": [[1, 1, 1], *([[2, 2, 2]] * (len(first) - 1))]}


def _residual_names(state: State, encoder: Encoder) -> dict[str, Tensor]:
    return turned(one_name_each(state))


def _plain_names(state: State, encoder: Encoder) -> dict[str, Tensor]:
    """Returns nnU-Net's stages as MONAI's blocks, without the biases before norms, which have no effect."""
    last = len(encoder.channels) - 1
    renamed = {}
    for name, tensor in turned(one_name_each(state)).items():
        parts = re.search(r"stages\.(\d+)\.0\.convs\.(\d+)\.all_modules\.([01])\.(weight|bias)$", name)
        if parts is None:
            renamed[name] = tensor
            continue
        stage, layer = int(parts[1]), int(parts[2]) + 1
        block = "input_block" if stage == 0 else "bottleneck" if stage == last else f"downsamples.{stage - 1}"
        target = f"conv{layer}.conv" if parts[3] == "0" else f"norm{layer}"
        renamed[f"{name[: parts.start()]}{block}.{target}.{parts[4]}"] = tensor
    return renamed


def one_name_each(state: State) -> dict[str, Tensor]:
    """Returns the units of nnU-Net's networks once each: a file holds every convolution and norm under two names.

    Example:
        >>> import torch
        >>> list(one_name_each({"stem.conv.weight": torch.ones(1), "stem.all_modules.0.weight": torch.ones(1)}))
        ['stem.all_modules.0.weight']
    """
    named: dict[str, Tensor] = {}
    for name, tensor in state.items():
        unit = re.sub(r"\.norm\.(weight|bias)$", r".all_modules.1.\1", name)
        unit = re.sub(r"((?:conv\d|convs\.\d+|skip\.\d+|^\w*))\.conv\.(weight|bias)$", r"\1.all_modules.0.\2", unit)
        second = unit != name and unit in state
        if not (second and torch.equal(tensor, state[unit])):
            named[name if second else unit] = tensor
    return named


def turned(state: State) -> dict[str, Tensor]:
    """Returns kernels with their axes in the order of the body's: nnU-Net takes the last axis of a file first."""
    return {name: tensor.permute(0, 1, 4, 3, 2) if tensor.ndim == 5 else tensor for name, tensor in state.items()}


def _anatomix_settings(state: State) -> dict[str, Any]:
    start = _prefix(state, r"model\.0\.weight$")
    filters = state[f"{start}model.0.weight"].shape[0]
    widest = max(tensor.shape[0] for tensor in state.values() if tensor.ndim == 5)
    of_2025 = any(name.endswith("running_mean") for name in state)
    form = ("batch", "max", "nearest", 1e-5) if of_2025 else ("instance", "avg", "trilinear", 1e-2)
    names = ("norm", "pooling", "interpolation", "norm_eps")
    levels = (widest // filters).bit_length()
    return {"filters": filters, "levels": levels, **dict(zip(names, form, strict=True))}


_OURS = "here values are from -1 to 1"
_OF_NNUNET = (
    "images of mean 0 and deviation 1, axes in nnU-Net's order: kernels are turned to right, front, head. A file without "
    "adaptation plan does not tell its strides: check encoder_arguments"
)

ADAPTERS = (
    Adapter(
        "MONAI's SwinUNETR (model_swinvit.pt, VoCo, SuPreM)",
        ("swinunetr",),
        r"(?:^|\.)patch_embed\.proj\.weight$",
        _swin_settings,
        _swin_names,
        f"CT, a window of HU mapped to 0 to 1 (model_swinvit.pt -1000 to 1000, others -175 to 250); {_OURS}",
    ),
    Adapter(
        "MONAI's SegResNet (SuPreM)",
        ("segresnet",),
        r"(?:^|\.)convInit\.conv\.weight$",
        _segresnet_settings,
        input=f"CT, -175 to 250 HU mapped to 0 to 1; {_OURS}",
    ),
    Adapter(
        "nnU-Net's residual encoder (nnssl, OpenMind)",
        ("residual",),
        r"(?:^|\.)stages\.\d+\.blocks\.\d+\.conv1\.",
        _residual_settings,
        _residual_names,
        _OF_NNUNET,
    ),
    Adapter(
        "nnU-Net's plain encoder (nnssl, VoComni)",
        ("dynunet",),
        r"(?:^|\.)encoder\.stages\.\d+\.0\.convs\.\d+\.",
        _plain_settings,
        _plain_names,
        _OF_NNUNET,
    ),
    Adapter(
        "anatomix",
        ("anatomix",),
        r"^(?:_orig_mod\.|module\.)*model\.0\.weight$",
        _anatomix_settings,
        input=f"synthetic images mapped to 0 to 1; {_OURS}",
    ),
)
"""Tried in this order. Any other file that holds an encoder of ours under MONAI's names needs no entry."""


def _prefix(state: State, pattern: str) -> str:
    """Returns what stands before the part of a name that a pattern describes, in the first name that has it."""
    found = next(match for name in state if (match := re.search(rf"(?:^|(?<=\.)){pattern}", name)))
    return found.string[: found.start()]


def _numbers(state: State, pattern: str) -> set[int]:
    return {int(match[1]) for name in state if (match := re.search(pattern, name))}


def _count(state: State, pattern: str) -> int:
    """Returns one more than the largest number that stands in names of this pattern."""
    return 1 + max(_numbers(state, pattern), default=-1)
