"""Whether a state dict fits a network, tensor by tensor, and loading it only if it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from orienteer.errors import InputError

SHOWN = 3
"""Names of tensors that a message shows of each kind."""


@dataclass(frozen=True)
class StateReport:
    """How the tensors of a state dict compare with those of a network.

    Attributes:
        fitting: names that both have, with equal shapes.
        missing: names that only the network has.
        unexpected: names that only the state dict has, sorted.
        reshaped: names that both have, with different shapes.
    """

    fitting: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether every tensor of either has its partner, with the same shape."""
        return not (self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        kinds = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.reshaped))
        return (
            ", ".join(f"{len(names)} {kind} {list(names[:SHOWN])}" for kind, names in kinds if names) or "all tensors"
        )


def compare_state(state: Mapping[str, Tensor], network: nn.Module | Mapping[str, Tensor]) -> StateReport:
    """Returns how a state dict compares with a network, or with the network's own state dict.

    Example:
        >>> import torch
        >>> report = compare_state({"weight": torch.zeros(2, 3), "extra": torch.zeros(1)}, nn.Linear(3, 2))
        >>> report.fits, str(report)
        (False, "1 missing ['bias'], 1 unexpected ['extra']")
    """
    wanted = network.state_dict() if isinstance(network, nn.Module) else network
    both = [name for name in wanted if name in state]
    return StateReport(
        fitting=tuple(name for name in both if state[name].shape == wanted[name].shape),
        missing=tuple(name for name in wanted if name not in state),
        unexpected=tuple(sorted(name for name in state if name not in wanted)),  # files have no order
        reshaped=tuple(name for name in both if state[name].shape != wanted[name].shape),
    )


def load_state(network: nn.Module, state: Mapping[str, Tensor], what: str, wanted: str, do: str) -> None:
    """Puts a state dict into a network: every tensor, with its shape, or an error and an unchanged network.

    Args:
        network: takes the weights.
        state: tensors by name.
        what: where the state dict comes from, for the message.
        wanted: what would have fitted.
        do: what to do where it does not.

    Raises:
        InputError: tensors that are missing, unexpected or of another shape, with the names of the first.
    """
    report = compare_state(state, network)
    if not report.fits:
        raise InputError(what, wanted=wanted, got=str(report), do=do)
    network.load_state_dict(state)
