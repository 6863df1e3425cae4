"""What every export has in common: the table of what went where, the folder it is written into, and its export.json."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.files import write_json

EXPORT_FILE = "export.json"

TOLERANCE = 1e-4
"""Most that features may differ, as a share of their largest value: float32 rounding over some dozens of layers is 1e-6
to 1e-5, and a single tensor in the wrong place is of the order of 1."""

LOADED: Final = "loaded"
NEW: Final = "new"
LEFT_OUT: Final = "left out"

ZERO_BIAS = "bias before a norm, which takes it away again: zero"

SECOND_NAMES = "second names of tensors above"
"""Libraries hold some modules under two names; a state dict then has both."""


@dataclass(frozen=True)
class Row:
    """What became of one part of a network.

    Attributes:
        part: the part's name in the target.
        what: ``loaded`` from the run, ``new`` (initialised, not trained), or ``left out`` of the files.
        names: the tensors.
        numbers: how many numbers they hold.
        why: a few words for a person.
    """

    part: str
    what: Literal["loaded", "new", "left out"]
    names: tuple[str, ...]
    numbers: int
    why: str = ""


@dataclass(frozen=True)
class Written:
    """What a writer made in the folder it was given, compared with the run's encoder before it returns.

    Attributes:
        files: names of the files.
        rows: what went where.
        difference: the largest difference of any feature between the run's encoder and the file loaded back, as a
            share of the largest feature.
        checked_with: what the file was loaded back with.
        facts: what a user of the files needs beside them.
        hint: how to use them, for a person; ``{folder}`` stands for the folder.
    """

    files: tuple[str, ...]
    rows: tuple[Row, ...]
    difference: float
    checked_with: str
    facts: Mapping[str, Any]
    hint: str


@dataclass(frozen=True)
class Exported:
    """A finished export: the folder, and what is in it."""

    to: str
    folder: Path
    written: Written

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, without export.json."""
        return tuple(self.folder / name for name in self.written.files)

    def __str__(self) -> str:
        written = self.written
        lines = [
            table(written.rows),
            f"\nloaded back with {written.checked_with}: features differ by {written.difference:.1e} of the largest at most",
            f"written: {', '.join(str(path) for path in self.files)}",
            written.hint.replace("{folder}", str(self.folder)),
        ]
        return "\n".join(lines)


def table(rows: tuple[Row, ...]) -> str:
    """Returns what went where as a table.

    Example:
        >>> print(table((Row("encoder", "loaded", ("a", "b"), 1200), Row("decoder", "new", ("c",), 30, "not trained"))))
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


@contextmanager
def new_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Gives a hidden folder to write into, and moves what is in it to ``folder`` if nothing went wrong.

    Raises:
        InputError: a file of that name is there and ``overwrite`` is not set, or the folder cannot be written.
    """
    part = folder.with_name(f".{folder.name}.part")
    new_above = [above for above in folder.parents if not above.exists()]
    try:
        if (folder / EXPORT_FILE).exists() and not overwrite:
            raise _taken(folder, EXPORT_FILE)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        there = [path.name for path in sorted(part.iterdir()) if (folder / path.name).exists()]
        if there and not overwrite:
            raise _taken(folder, there[0])
        folder.mkdir(parents=True, exist_ok=True)
        # export.json comes last: a folder that has it is complete.
        for path in sorted(part.iterdir(), key=lambda path: path.name == EXPORT_FILE):
            os.replace(path, folder / path.name)
    except OSError as error:
        raise InputError(
            "out",
            wanted="a folder that can be written, with room for the weights",
            got=f"{folder} ({error.strerror or error})",
            do="choose another --out, or make room",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        for above in new_above:  # what was made for an export that failed
            with suppress(OSError):
                above.rmdir()


def write_export_json(folder: Path, to: str, card: Mapping[str, Any], written: Written) -> None:
    """Writes what the files are, where each tensor came from, and what a scan must go through before they see it."""
    what_it_expects = ("spacing_mm", "axes", "intensity", "view_size", "unit_mm", "licence", "data_fingerprint")
    facts = {
        "to": to,
        "files": list(written.files),
        **written.facts,
        "from": {"encoder": card["encoder"], "arguments": card["arguments"], "sha256": card["sha256"]},
        **{key: card.get(key) for key in what_it_expects},
        "checked": {"with": written.checked_with, "largest_difference": written.difference},
        "tensors": {what: [name for row in written.rows if row.what == what for name in row.names]
                    for what in (LOADED, NEW, LEFT_OUT)},
    }  # fmt: skip
    write_json(folder / EXPORT_FILE, facts)


def all_loaded(encoder: Encoder, part: str = "encoder") -> tuple[Row, ...]:
    """Returns the table of an export that has the encoder and nothing else."""
    tensors = encoder.state_dict()
    return (Row(part, "loaded", tuple(tensors), _count(tensors.values()), "all of it"),)


def rows_of(network: nn.Module, loaded: Mapping[str, str], output_layer: set[str], depth: int = 1) -> tuple[Row, ...]:
    """Returns what went where in a whole network, one row for each of its parts.

    Args:
        network: the target.
        loaded: why each tensor that was loaded is as it is (mostly an empty string), by its name in the target.
        output_layer: names of the tensors whose shape depends on the number of classes.
        depth: parts are named by that many words of a tensor's name.
    """
    groups: dict[tuple[str, str, str], dict[str, Tensor]] = {}
    seen: set[int] = set()
    for name, tensor in network.state_dict().items():
        what = LOADED if name in loaded else NEW
        why = loaded.get(name, "output layer" if name in output_layer else "not trained")
        if tensor.data_ptr() in seen:
            why = SECOND_NAMES
        seen.add(tensor.data_ptr())
        groups.setdefault((".".join(name.split(".")[:depth]), what, why), {})[name] = tensor
    rows = [
        Row(part, what, tuple(tensors), 0 if why == SECOND_NAMES else _count(tensors.values()), why)  # type: ignore[arg-type]
        for (part, what, why), tensors in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.what != LOADED))


def check_same(what: str, difference: float) -> None:
    """Stops an export whose features are not the encoder's.

    Raises:
        InputError: they differ by more than rounding.
    """
    if not difference <= TOLERANCE:
        raise InputError(
            what,
            wanted=f"the run's features, to {TOLERANCE:g} of the largest",
            got=f"a difference of {difference:.2g}; nothing was written",
            do="install the versions that encoder.json names, and report this if it stays",
        )


def largest_difference(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """Returns the largest difference of any level, as a share of that level's largest value; NaN where there is one.

    Example:
        >>> import torch
        >>> largest_difference((torch.tensor([1.0, -4.0]),), (torch.tensor([1.0, -3.0]),))
        0.25
    """
    if [level.shape for level in ours] != [level.shape for level in theirs]:
        return float("inf")
    shares = [((a - b).abs().max() / a.abs().max()).item() for a, b in zip(ours, theirs, strict=True)]
    return float("nan") if any(share != share for share in shares) else max(shares)


def _count(tensors: Any) -> int:
    """Returns how many numbers tensors hold, each once however many names it has."""
    return sum({tensor.data_ptr(): tensor.numel() for tensor in tensors}.values())


def _taken(folder: Path, name: str) -> InputError:
    return InputError(
        "out",
        wanted="a folder without an export",
        got=f"{folder}, which holds {name}",
        do="choose another --out, or replace it with --overwrite",
    )
