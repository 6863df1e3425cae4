"""What a segmentation plans from its data: the spacing where there is no run, and the size of a patch."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from orienteer.errors import InputError, ScanError
from orienteer.scans.read import header
from orienteer.scans.source import ScanSource, Selection
from orienteer.types import Triple, TripleMm

MOST_VOXELS = {"cpu": 64**3, "cuda": 128**3}
"""The largest patch by default: what a step of a few seconds can take."""


def plan_spacing(sources: Iterable[ScanSource], selection: Selection) -> TripleMm:
    """Returns the median voxel size of the scans, axis by axis.

    Raises:
        InputError: no scan has a header that can be read.
    """
    spacings, last = [], None
    for source in sources:
        try:
            spacings.append(header(source, selection).spacing_mm)
        except ScanError as error:
            last = error
    if not spacings:
        raise last or InputError("data", wanted="at least one scan", got="none", do="check the paths")
    middle = [float(f"{value:.4g}") for value in np.median(np.array(spacings), axis=0)]
    return middle[0], middle[1], middle[2]


def plan_patch_size(shapes: Sequence[Triple], divisor: Triple, least: int, device: str) -> Triple:
    """Returns the size of a patch: the typical scan, its longest edges shortened until the machine can take it.

    Args:
        shapes: sizes of the prepared scans in voxels.
        divisor: every edge is a multiple of this.
        least: cells that the network's last level needs in all.
        device: ``cpu`` or ``cuda``.

    Example:
        >>> plan_patch_size([(34, 52, 35), (36, 50, 36)], (8, 8, 8), least=2, device="cpu")
        (40, 56, 40)
        >>> plan_patch_size([(300, 300, 100)], (16, 16, 16), least=1, device="cpu")
        (64, 64, 64)
    """
    typical = np.median(np.array(shapes), axis=0)
    cells = [max(1, math.ceil(edge / div)) for edge, div in zip(typical.tolist(), divisor, strict=True)]
    while math.prod(cells) < least:
        cells[int(np.argmin(np.array(cells) * divisor))] += 1
    while math.prod(cells) * math.prod(divisor) > MOST_VOXELS[device] and math.prod(cells) > least:
        longest = int(np.argmax(np.where(np.array(cells) > 1, np.array(cells) * divisor, 0)))
        if cells[longest] == 1:
            break
        cells[longest] -= 1
    size = [cell * div for cell, div in zip(cells, divisor, strict=True)]
    return size[0], size[1], size[2]
