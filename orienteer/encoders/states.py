"""Comparing a state dict with a network, tensor by tensor, and loading it only if it fits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from orienteer.errors import InputError
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
        InputError: missing or unexpected tensors, other shapes, or weights that are not finite; the message names the first.
    """
    report = compare_state(state, network)
    require(report.fits, what, wanted, report, do)
    check_finite({name: state[name] for name, _ in network.named_parameters() if name in state}, what)
    network.load_state_dict(state)


def check_finite(weights: Mapping[str, Tensor], what: str) -> None:
    """Stops where a weight is not a number or infinite: nothing that is computed with it means anything.

    Args:
        weights: tensors by name.
        what: source of the weights, for the message.

    Raises:
        InputError: naming the first tensor.

    Example:
        >>> import torch
        >>> check_finite({"weight": torch.zeros(2), "bias": torch.tensor([0.0, float("nan")])}, "a.safetensors")
        Traceback (most recent call last):
        orienteer.errors.InputError: a.safetensors: wanted finite weights, got NaN or Inf in bias. Do this: use other weights.
    """
    odd = next((name for name, tensor in weights.items() if not torch.isfinite(tensor).all()), None)
    require(odd is None, what, "finite weights", f"NaN or Inf in {odd}", "use other weights")


UNBOUNDED = 1024
"""Numbers up to this are not checked: no argument of a network makes it large alone."""

MOST_NUMBERS = 2000
"""Numbers in all arguments of a network together; ours have a few dozen."""


def check_before_building(
    build: Callable[[], nn.Module], arguments: Mapping[str, Any], state: Mapping[str, Tensor], what: str, do: str
) -> None:
    """Stops where weights do not belong to the network that a card describes, before memory is asked for it.

    A damaged card may describe a network of any size. Its numbers are compared with the weights first; then the network is
    built without memory, where its library can, and compared shape by shape.

    Args:
        build: returns the network.
        arguments: from the card.
        state: tensors by name; names that only the network has are ignored.
        what: source of the state, for the message.
        do: what to do if it does not fit.

    Raises:
        InputError: numbers or shapes that do not fit.
    """
    wanted = "the weights of the network that the card describes"
    most = max([UNBOUNDED, *(size for tensor in state.values() for size in tensor.shape)])
    numbers = list(_numbers(arguments))
    large = next((number for number in numbers if not abs(number) <= most), None)
    require(large is None, what, wanted, f"{large} among its arguments, more than any size of the weights", do)
    require(len(numbers) <= MOST_NUMBERS, what, wanted, f"{len(numbers)} numbers among its arguments", do)
    try:
        with torch.device("meta"), _NothingDrawn():
            network = build()
    except InputError as error:
        if "meta" not in error.got:
            raise
        return  # MONAI's SwinUNETR reads a value while it is built
    report = compare_state(state, network)
    wrong = report.unexpected or report.reshaped
    require(not wrong, what, wanted, StateReport(report.fitting, (), report.unexpected, report.reshaped), do)


class _NothingDrawn(TorchFunctionMode):
    """Leaves the weights of networks without memory undrawn: to draw them, torch imports its compiler, which takes seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        drawing = getattr(func, "__name__", "").endswith(
            "normal_"
        )  # Tensor.normal_, and the functions of nn.init that call it
        if drawing:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
