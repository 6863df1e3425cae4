"""The table of an export: which tensors were loaded from the run, are new, or were left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from torch import Tensor, nn

from orienteer.encoders.base import Encoder

Transfer = Literal["loaded", "new", "left out"]

LOADED: Final = "loaded"
NEW: Final = "new"
LEFT_OUT: Final = "left out"

ZERO_BIAS = "bias before a norm, which cancels it: zero"

SECOND_NAMES = "second names of tensors above"
"""Libraries register some modules under two names; a state dict then has both."""


@dataclass(frozen=True)
class TransferRow:
    """What happened to one part of a network.

    Attributes:
        part: the part's name in the target.
        what: ``loaded`` from the run, ``new`` (initialised, not trained), or ``left out`` of the files.
        names: the tensors.
        numbers: how many numbers they hold.
        why: a few words for a person.
    """

    part: str
    what: Transfer
    names: tuple[str, ...]
    numbers: int
    why: str = ""


def transfer_table(rows: tuple[TransferRow, ...]) -> str:
    """Returns the rows as a table.

    Example:
        >>> new = TransferRow("decoder", "new", ("c",), 30, "not trained")
        >>> print(transfer_table((TransferRow("encoder", "loaded", ("a", "b"), 1200), new)))
        part          what      tensors     numbers
        encoder       loaded          2       1,200
        decoder       new             1          30  not trained
    """
    width = max(12, *(len(row.part) for row in rows))
    lines = [f"{'part':<{width}}  {'what':<8}{'tensors':>9}{'numbers':>12}"]
    for row in rows:
        cells = f"{row.part:<{width}}  {row.what:<8}{len(row.names):>9}{row.numbers:>12,}  {row.why}"
        lines.append(cells.rstrip())
    return "\n".join(lines)


def encoder_rows(encoder: Encoder) -> tuple[TransferRow, ...]:
    """Returns the rows of an export that has the whole encoder and nothing else."""
    tensors = encoder.state_dict()
    return (TransferRow("encoder", LOADED, tuple(tensors), count_numbers(tensors.values()), "all of it"),)


def network_rows(
    network: nn.Module, loaded: Mapping[str, str], output_layer: set[str], depth: int = 1
) -> tuple[TransferRow, ...]:
    """Returns the rows of a whole network, one for each of its parts.

    Args:
        network: the target.
        loaded: what was changed in each loaded tensor (mostly an empty string), by its name in the target.
        output_layer: names of the tensors whose shape depends on the number of classes.
        depth: parts are named by that many words of a tensor's name.
    """
    groups: dict[tuple[str, Transfer, str], dict[str, Tensor]] = {}
    listed: set[int] = set()
    for name, tensor in network.state_dict().items():
        what: Transfer = LOADED if name in loaded else NEW
        why = loaded.get(name, "output layer" if name in output_layer else "not trained")
        if tensor.data_ptr() in listed:
            why = SECOND_NAMES
        listed.add(tensor.data_ptr())
        groups.setdefault((".".join(name.split(".")[:depth]), what, why), {})[name] = tensor
    rows = [
        TransferRow(part, what, tuple(tensors), 0 if why == SECOND_NAMES else count_numbers(tensors.values()), why)
        for (part, what, why), tensors in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.what != LOADED))


def count_numbers(tensors: Iterable[Tensor]) -> int:
    """Returns how many numbers tensors hold, each tensor once however many names it has."""
    return sum({tensor.data_ptr(): tensor.numel() for tensor in tensors}.values())
