"""A pretrained decoder in nnU-Net's network: MONAI's upward blocks as nnU-Net's, as far as both have the same kernels."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.exports.exported import LEFT_OUT, ZERO_BIAS, Row
from orienteer.exports.nnunet_axes import AxisMap

OTHER_LAYERS = "other layers there: MONAI goes up with the kernel of the coarser level, nnU-Net with the finer's"

NO_BIAS = "bias that MONAI's upward convolution does not have: zero"


def decoder_state(encoder: Encoder) -> dict[str, Tensor]:
    """Returns the tensors of the encoder's decoder, by their names in the encoder; none where it is not pretrained."""
    own = {tensor.data_ptr() for tensor in encoder.decoder().state_dict().values()}
    return {name: tensor for name, tensor in encoder.state_dict().items() if tensor.data_ptr() in own}


def load_decoder(network: nn.Module, encoder: Encoder, axes: AxisMap) -> tuple[dict[str, str], int]:
    """Puts the blocks of a pretrained decoder into nnU-Net's network, coarsest first, up to the first that does not fit.

    Blocks above one that is new would see what they were never trained on, so they are left out too.

    Returns:
        The names in the network that now hold them, each with what was changed, and how many blocks that were.
    """
    wanted, loaded = network.state_dict(), {}
    blocks = [axes.turn_weights(_nnunet_names(block, at)) for at, block in enumerate(encoder.decoder())]
    fits = [all(name in wanted and wanted[name].shape == tensor.shape for name, tensor in block.items())
            and _names_of_block(wanted, at) == set(block) for at, block in enumerate(blocks)]  # fmt: skip
    count = (*fits, False).index(False)
    for block in blocks[:count]:
        network.load_state_dict(block, strict=False)
        loaded.update({name: _why(name) for name in block})
    return loaded, count


def left_out(encoder: Encoder, blocks: int, why: str = OTHER_LAYERS) -> tuple[Row, ...]:
    """Returns the row of the run's decoder blocks from number ``blocks`` on, under the run's names; none if there is none."""
    rest = encoder.decoder()[blocks:]
    own = {tensor.data_ptr() for tensor in rest.state_dict().values()}
    tensors = {name: tensor for name, tensor in decoder_state(encoder).items() if tensor.data_ptr() in own}
    if not tensors:
        return ()
    return (Row("the run's decoder", LEFT_OUT, tuple(tensors), sum(one.numel() for one in tensors.values()), why),)


@torch.no_grad()
def go_up(network: nn.Module, levels: tuple[Tensor, ...], blocks: int) -> tuple[Tensor, ...]:
    """Returns what the first blocks of nnU-Net's decoder give of its encoder's levels, finest first."""
    decoder, x = network.get_submodule("decoder"), levels[-1]
    found: list[Tensor] = []
    for at, skip in enumerate(reversed(levels[-1 - blocks : -1])):
        x = decoder.get_submodule(f"stages.{at}")(torch.cat((decoder.get_submodule(f"transpconvs.{at}")(x), skip), 1))
        found.insert(0, x)
    return tuple(found)


def _nnunet_names(block: nn.Module, at: int) -> dict[str, Tensor]:
    """Returns MONAI's upward block as nnU-Net's: the same layers, with a bias of zero before each norm."""
    own = {name: tensor.detach() for name, tensor in block.state_dict().items()}
    up = own["transp_conv.conv.weight"]  # (in, out, kernel0, kernel1, kernel2)
    named = {
        f"decoder.transpconvs.{at}.weight": up,
        f"decoder.transpconvs.{at}.bias": torch.zeros(up.shape[1]),
    }
    for layer in (1, 2):
        there = f"decoder.stages.{at}.convs.{layer - 1}.all_modules"
        weight = own[f"conv_block.conv{layer}.conv.weight"]
        named[f"{there}.0.weight"] = weight
        named[f"{there}.0.bias"] = torch.zeros(weight.shape[0])
        for part in ("weight", "bias"):
            named[f"{there}.1.{part}"] = own[f"conv_block.norm{layer}.{part}"]
    return named


def _names_of_block(wanted: Mapping[str, Tensor], at: int) -> set[str]:
    """Returns the tensors of one block of nnU-Net's decoder, each by the one of its names that `_nnunet_names` gives."""
    starts = (f"decoder.stages.{at}.", f"decoder.transpconvs.{at}.")
    return {name for name in wanted if name.startswith(starts) and (".convs." not in name or ".all_modules." in name)}


def _why(name: str) -> str:
    if name.endswith(".all_modules.0.bias"):
        return ZERO_BIAS
    return NO_BIAS if ".transpconvs." in name and name.endswith(".bias") else ""
