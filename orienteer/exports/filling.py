"""Copying an encoder's weights into a target network: first convolution for several channels, names, second names."""

from collections.abc import Mapping
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders.states import compare_state
from orienteer.errors import InputError

SHARED_CHANNELS = "shared out over channels"
"""Why a first convolution differs from the run's."""


def fill_network(network: nn.Module, state: Mapping[str, Tensor], what: str, wanted: str, do: str) -> None:
    """Copies tensors into a network that may have more tensors than these.

    Args:
        network: takes the tensors.
        state: tensors by their names in the network.
        what: the option or network at fault, for the message.
        wanted: what would have fitted.
        do: what to do where it does not.

    Raises:
        InputError: tensors that the network lacks or has in another shape, with the names of the first.
    """
    report = compare_state(state, network)
    if report.unexpected or report.reshaped:
        raise InputError(what, wanted=wanted, got=str(replace(report, missing=())), do=do)
    network.load_state_dict(dict(state), strict=False)


def with_second_names(network: nn.Module, notes: Mapping[str, str]) -> dict[str, str]:
    """Returns the same note for every name that a library has for these tensors: some modules have two names."""
    state = network.state_dict()
    by_memory = {state[name].data_ptr(): note for name, note in notes.items()}
    return {name: by_memory[tensor.data_ptr()] for name, tensor in state.items() if tensor.data_ptr() in by_memory}


def fit_channels(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Returns the tensors with the first convolution expanded to the network's input channels."""
    wanted = network.state_dict()
    return {
        name: for_channels(tensor, wanted[name].shape[1])
        if name in wanted and is_first_convolution(tensor, wanted[name])
        else tensor
        for name, tensor in state.items()
    }


def for_channels(weight: Float[Tensor, "out 1 *kernel"], channels: int) -> Float[Tensor, "out channels *kernel"]:
    """Returns a first convolution for several channels with the same output where all of them hold the same image.

    Example:
        >>> import torch
        >>> for_channels(torch.ones(2, 1, 3, 3, 3), 4)[:, :, 0, 0, 0].tolist()
        [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]
    """
    return weight.expand(-1, channels, *weight.shape[2:]) / channels


def is_first_convolution(ours: Tensor, wanted: Tensor) -> bool:
    """Returns whether a tensor is a convolution over one input channel where the target has several."""
    return (
        ours.ndim == 5 and ours.shape[1] == 1 and ours.shape != wanted.shape and ours[:, 0].shape == wanted[:, 0].shape
    )
