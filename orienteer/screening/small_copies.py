"""Small copies of scans on disk, by which scans are compared with each other: one at a time is in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orienteer.files import write_bytes
from orienteer.screening.detail import Copy, Form
from orienteer.screening.low_resolution import LowResolution


class SmallCopies:
    """The small copies of a collection, in a folder.

    Args:
        folder: is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Copy] = {}

    def add(self, name: str, small: LowResolution) -> None:
        """Keeps the copy of a scan."""
        path = self.folder / f"{len(self._places):06d}.u8"
        write_bytes(path, small.voxels.tobytes())
        across, deep, high = small.voxels.shape
        self._places[name] = path, Form((across, deep, high), small.step_mm, small.origin_mm)

    @property
    def names(self) -> tuple[str, ...]:
        """The scans that have a copy, sorted."""
        return tuple(sorted(self._places))

    def read(self, name: str) -> LowResolution:
        """Returns the copy of a scan."""
        path, form = self._places[name]
        voxels = np.frombuffer(path.read_bytes(), np.uint8).reshape(form.shape_vox)
        return LowResolution(voxels, form.step_mm, form.origin_mm)

    def path(self, name: str) -> Copy:
        """Returns the file of a copy, and its shape, step and origin."""
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self._places)
