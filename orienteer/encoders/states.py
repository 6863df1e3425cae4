"""Comparing a state dict with a network, tensor by tensor, and loading it only if it fits."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from orienteer.settings import require

SHOWN = 3
"""Number of tensor names of each kind in a message."""


@dataclass(frozen=True)
class StateReport:
    """The differences between the tensors of a state dict and those of a network.

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
        """Whether both have the same tensors, with the same shapes."""
        return not (self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        kinds = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.reshaped))
        return (
            ", ".join(f"{len(names)} {kind} {list(names[:SHOWN])}" for kind, names in kinds if names) or "all tensors"
        )


def compare_state(state: Mapping[str, Tensor], network: nn.Module | Mapping[str, Tensor]) -> StateReport:
    """Returns the differences between a state dict and a network, or between two state dicts.

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
    """Loads a state dict into a network strictly; on an error the network stays unchanged.

    Args:
        network: receives the weights.
        state: tensors by name.
        what: source of the state dict, for the message.
        wanted: what would fit.
        do: what to do if it does not.

    Raises:
        InputError: missing or unexpected tensors, or other shapes; the message names the first ones.
    """
    report = compare_state(state, network)
    require(report.fits, what, wanted, report, do)
    network.load_state_dict(state)
