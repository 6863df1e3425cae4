"""How much memory a scan may take, and the refusal of one that would need more."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from orienteer.scans.refuse import refuse

SHARE = 0.8
"""Share of the machine's memory that one scan may take."""

BYTES_PER_VOXEL = 12
"""Memory to read, resample and look at a voxel: two float32 arrays, and the masks and sorted values of one."""

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


def check_size(name: str, shape_vox: Sequence[int], step: str) -> None:
    """Refuses a scan that is too large for the memory, before any is taken for it.

    Raises:
        ScanError: with the size and what is allowed.
    """
    needed, allowed = math.prod(shape_vox) * BYTES_PER_VOXEL, memory_bytes()
    if allowed is not None and needed > allowed:
        got = f"{' x '.join(str(edge) for edge in shape_vox)} voxels, which need {needed / 1e9:.1f} GB"
        do = "check the size in its header; if it is right, use a coarser spacing_mm or a machine with more memory"
        refuse(name, f"a scan that needs at most {allowed / 1e9:.1f} GB of memory", got, do, step)
