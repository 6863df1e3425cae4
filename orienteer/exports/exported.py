"""What an export returns: the files that were written, how they were checked, and how to use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.exports.transfer_table import TransferRow, transfer_table

MOST_NAMES = 5
"""Files that are named one by one."""


@dataclass(frozen=True)
class WrittenExport:
    """What the writer of one format wrote, compared with the run's encoder before it returns.

    Attributes:
        files: names of the files.
        rows: which tensors were loaded, are new, or were left out.
        difference: the largest difference of any feature between the run's encoder and the file loaded back, as a
            share of the largest feature.
        checked_with: what the file was loaded back with.
        facts: what a user of the files needs to know about them.
        hint: how to use them, for a person; ``{folder}`` stands for the folder.
    """

    files: tuple[str, ...]
    rows: tuple[TransferRow, ...]
    difference: float
    checked_with: str
    facts: Mapping[str, Any]
    hint: str


@dataclass(frozen=True)
class Exported:
    """A finished export: the target, the folder, and what was written into it."""

    to: str
    folder: Path
    written: WrittenExport

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, without export.json."""
        return tuple(self.folder / name for name in self.written.files)

    def _written(self) -> str:
        """Returns the files, or how many there are."""
        names = ", ".join(str(path) for path in self.files)
        return names if len(self.files) <= MOST_NAMES else f"{self.folder} ({len(self.files)} files)"

    def __str__(self) -> str:
        written = self.written
        difference = f"features differ by at most {written.difference:.1e} of the largest"
        lines = [
            transfer_table(written.rows),
            f"\nloaded back with {written.checked_with}: {difference}",
            f"written: {self._written()}",
            written.hint.replace("{folder}", str(self.folder)),
        ]
        return "\n".join(lines)
