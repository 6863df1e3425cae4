"""How much memory a scan may take, and the refusal of one that would need more."""

import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orienteer.scans.refuse import refuse

SHARE = 0.8
"""Share of the machine's memory that one scan may take."""

BYTES_PER_VOXEL = 12
"""Memory to read, resample and look at a voxel: two float32 arrays, and the masks and sorted values of one."""

READ_BYTES_PER_VOXEL, READ_MORE_BYTES = 24, 1 << 28
"""Memory to read a voxel: its value of up to 8 bytes, converted and turned round; and what any file may take besides."""

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


@contextmanager
def bounded_reading(shape_vox: Sequence[int], files: Iterable[Path]) -> Iterator[None]:
    """Lets a native reader take little more memory than a scan needs: damaged headers make some ask for gigabytes.

    It holds in processes whose memory is bounded already, on Linux: those that read files. In others it does nothing, since
    other threads may need memory meanwhile.

    Args:
        shape_vox: of the scan.
        files: that hold it, compressed or not.
    """
    more = (
        math.prod(shape_vox) * READ_BYTES_PER_VOXEL + 4 * sum(file.stat().st_size for file in files) + READ_MORE_BYTES
    )
    if sys.platform != "linux":
        yield
        return
    import resource  # not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY:
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[5])  # of data and stack
    resource.setrlimit(resource.RLIMIT_DATA, (min(soft, pages * resource.getpagesize() + more), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
