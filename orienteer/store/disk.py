"""Disk space of a store: what scans will take, what is free, and the error where that is not enough."""

import errno
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from orienteer.errors import InputError
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import ScanHeader, ScanSource, Selection
from orienteer.types import TripleMm

BYTES_PER_VOXEL = 1.3
"""What a stored voxel takes before cropping to the body: real CT and MR took 0.55 to 1.2, small crops without air 1.6."""

RESERVE_BYTES = 32 << 20
"""Disk space that is left free, for the index and for other programs."""

_OVER_QUOTA = getattr(errno, "EDQUOT", errno.ENOSPC)

MOST_HEADERS = 100
"""How many headers are read to estimate the space needed."""


class DiskFull(InputError):
    """The disk of a store has no room for the next scan, and so for none of those that follow."""


def estimated_bytes(sources: Sequence[ScanSource], selection: Selection, spacing_mm: TripleMm) -> int:
    """Returns an estimate of the disk space that scans take in a store, from the headers of at most a hundred of them."""
    sizes = []
    for _, header in scan_headers(sources[:: -(-len(sources) // MOST_HEADERS)], selection):
        if isinstance(header, ScanHeader):  # preparing the others fails too, and names the reason
            voxels = math.prod(header.extent_mm) / math.prod(spacing_mm)
            sizes.append(voxels * BYTES_PER_VOXEL)
    return int(sum(sizes) / len(sizes) * len(sources)) if sizes else 0


def disk_full(folder: Path, needed: int, free: int, error: OSError | None = None) -> DiskFull:
    """Returns the error to raise.

    Args:
        folder: the store.
        needed: bytes; 0 where that is unknown.
        free: bytes.
        error: what the system said when something was written.
    """
    over_quota = error is not None and error.errno == _OVER_QUOTA != errno.ENOSPC
    return DiskFull(
        f"disk of the store {folder}",
        wanted=f"{needed / 1e6:.1f} MB free" if needed else "space for the index",
        got="your disk quota used up" if over_quota else f"{free / 1e6:.1f} MB",
        do="free some space, or use another folder or a coarser spacing_mm; prepared scans are kept",
    )


def is_full(error: OSError) -> bool:
    """Returns whether an error says that a disk is full or a quota used up."""
    return error.errno in (errno.ENOSPC, _OVER_QUOTA)


def free_bytes(folder: Path) -> int:
    """Returns the free bytes on the disk of a folder."""
    return shutil.disk_usage(folder).free
