"""Whether a store has room: what scans will take, what is free, and what to say when it is not enough."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from orienteer.errors import InputError
from orienteer.scans.read import header
from orienteer.scans.source import ScanSource, Selection
from orienteer.types import TripleMm

BYTES_PER_VOXEL = 1.3
"""What a stored voxel takes before cropping to the body: real CT and MR took 0.55 to 1.2, small crops without air 1.6."""

RESERVE_BYTES = 32 << 20
"""Disk space that is left free, for the index and for other people's work."""

MOST_HEADERS = 100
"""How many headers are read to estimate the space needed."""


def estimated_bytes(sources: Sequence[ScanSource], selection: Selection, spacing_mm: TripleMm) -> int:
    """Returns about how much disk scans will take in a store, from the headers of at most a hundred of them."""
    sizes = []
    for source in sources[:: -(-len(sources) // MOST_HEADERS)]:
        try:
            extent0, extent1, extent2 = header(source, selection).extent_mm
        except (InputError, OSError, RuntimeError):
            continue  # it fails when its turn comes, with a better place to say why
        sizes.append(extent0 * extent1 * extent2 / (spacing_mm[0] * spacing_mm[1] * spacing_mm[2]) * BYTES_PER_VOXEL)
    return int(sum(sizes) / len(sizes) * len(sources)) if sizes else 0


def disk_full(folder: Path, needed: int, free: int) -> InputError:
    """Returns the error to raise; ``needed`` is 0 where nobody knows."""
    return InputError(
        f"disk of the store {folder}",
        wanted=f"{needed / 1e6:.1f} MB free" if needed else "space for the index",
        got=f"{free / 1e6:.1f} MB",
        do="free some, choose another folder, or a coarser spacing_mm; what is prepared is kept",
    )


def free_bytes(folder: Path) -> int:
    """Returns the bytes that may still be written where a folder lies."""
    return shutil.disk_usage(folder).free
