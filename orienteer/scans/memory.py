"""How much memory a scan may take, and the refusal of one that would need more."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from orienteer.scans.refuse import refuse
from orienteer.types import TripleMm

SHARE = 0.8
"""Share of the machine's memory that one scan may take."""

BYTES_PER_VOXEL = 12
"""Memory to read, resample and look at a voxel: two float32 arrays, and the masks and sorted values of one."""

LONGEST_MM = 5000.0
"""No body is so long, but a scan whose voxels are in micrometres is, or one with a damaged header."""

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int | None:
    """Returns the memory that one scan may take; None where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return None
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP_LIMITS:  # of containers
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):
            continue
    return int(SHARE * min(limits))


def check_size(name: str, shape_vox: Sequence[int], spacing_mm: TripleMm, step: str) -> None:
    """Refuses a scan that is too long to be one of a body, or too large for the memory, before any is taken for it.

    Raises:
        ScanError: with the size and what is allowed.
    """
    extents_mm = [size * edge for size, edge in zip(shape_vox, spacing_mm, strict=True)]
    size = " x ".join(str(edge) for edge in shape_vox)
    if not max(extents_mm) <= LONGEST_MM:
        got = f"{max(extents_mm) / 1000:.3g} m ({size} voxels of {' x '.join(f'{edge:.3g}' for edge in spacing_mm)} mm)"
        refuse(name, f"at most {LONGEST_MM / 1000:g} m along each axis", got, "check the spacing in its header", step)
    needed, allowed = math.prod(shape_vox) * BYTES_PER_VOXEL, memory_bytes()
    if allowed is not None and needed > allowed:
        got = f"{size} voxels, which need {needed / 1e9:.1f} GB"
        do = "check the size in its header; if it is right, use a coarser spacing_mm or a machine with more memory"
        refuse(name, f"a scan that needs at most {allowed / 1e9:.1f} GB of memory", got, do, step)
