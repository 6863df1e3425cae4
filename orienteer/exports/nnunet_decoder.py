"""A pretrained decoder in nnU-Net's network: MONAI's upward blocks as nnU-Net's, where both have the same kernels."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.states import compare_state
from orienteer.exports.nnunet_axes import AxisMap
from orienteer.exports.nnunet_names import decoder_state, named_convolution
from orienteer.exports.transfer_table import LEFT_OUT, ZERO_BIAS, TransferRow, count_numbers

OTHER_LAYERS = "other layers there: MONAI upsamples with the kernel of the coarser level, nnU-Net with the finer's"

NO_BIAS = "bias that MONAI's upward convolution does not have: zero"


def fill_nnunet_decoder(network: nn.Module, encoder: Encoder, axes: AxisMap) -> tuple[dict[str, str], int]:
    """Copies the blocks of a pretrained decoder into nnU-Net's network, coarsest first, up to the first that does not fit.

    Blocks above a new one would have inputs that they were never trained on, so they are left out too.

    Returns:
        The names in the network that now hold them, each with what was changed, and the number of blocks.
    """
    state, loaded = network.state_dict(), {}
    blocks = [axes.turn_weights(_block_names(block, at)) for at, block in enumerate(encoder.decoder())]
    fits = [_block_fits(block, state, at) for at, block in enumerate(blocks)]
    count = (*fits, False).index(False)
    for block in blocks[:count]:
        network.load_state_dict(block, strict=False)
        loaded.update({name: _note(name) for name in block})
    return loaded, count


def left_out_rows(encoder: Encoder, blocks: int, why: str = OTHER_LAYERS) -> tuple[TransferRow, ...]:
    """Returns the row of the run's decoder blocks from number ``blocks`` on, under the run's names; none if all went along."""
    memory = {tensor.data_ptr() for tensor in encoder.decoder()[blocks:].state_dict().values()}
    tensors = {name: tensor for name, tensor in decoder_state(encoder).items() if tensor.data_ptr() in memory}
    if not tensors:
        return ()
    return (TransferRow("the run's decoder", LEFT_OUT, tuple(tensors), count_numbers(tensors.values()), why),)


@torch.no_grad()
def decode_with_nnunet(network: nn.Module, levels: tuple[Tensor, ...], blocks: int) -> tuple[Tensor, ...]:
    """Returns the outputs of the first blocks of nnU-Net's decoder for its encoder's levels, finest first."""
    decoder, x = network.get_submodule("decoder"), levels[-1]
    outputs: list[Tensor] = []
    for at, skip in enumerate(reversed(levels[-1 - blocks : -1])):
        x = decoder.get_submodule(f"stages.{at}")(torch.cat((decoder.get_submodule(f"transpconvs.{at}")(x), skip), 1))
        outputs.insert(0, x)
    return tuple(outputs)


def _block_names(block: nn.Module, at: int) -> dict[str, Tensor]:
    """Returns MONAI's upward block as nnU-Net's: the same layers."""
    state = {name: tensor.detach() for name, tensor in block.state_dict().items()}
    up = state["transp_conv.conv.weight"]  # (in, out, kernel0, kernel1, kernel2)
    named = {
        f"decoder.transpconvs.{at}.weight": up,
        f"decoder.transpconvs.{at}.bias": torch.zeros(up.shape[1]),
    }
    for layer in (1, 2):
        convolution, norm = f"conv_block.conv{layer}.conv", f"conv_block.norm{layer}"
        named |= named_convolution(state, convolution, norm, f"decoder.stages.{at}.convs.{layer - 1}")
    return named


def _block_fits(block: Mapping[str, Tensor], state: Mapping[str, Tensor], at: int) -> bool:
    """Returns whether a block has the names and shapes of one block of nnU-Net's decoder, each tensor under one name."""
    starts = (f"decoder.stages.{at}.", f"decoder.transpconvs.{at}.")
    wanted = {
        name: tensor
        for name, tensor in state.items()
        if name.startswith(starts) and (".convs." not in name or ".all_modules." in name)
    }
    return compare_state(block, wanted).fits


def _note(name: str) -> str:
    if name.endswith(".all_modules.0.bias"):
        return ZERO_BIAS
    return NO_BIAS if ".transpconvs." in name and name.endswith(".bias") else ""
