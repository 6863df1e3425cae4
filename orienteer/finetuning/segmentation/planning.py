"""What a segmentation plans from its data: modality and spacing without a run, and the size of a patch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from orienteer.errors import InputError, ScanError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.labelled.datasets import LabelledData
from orienteer.progress import say
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import ScanSource, Selection
from orienteer.types import Triple, TripleMm

MOST_VOXELS = {"cpu": 64**3, "cuda": 128**3}
"""The largest patch by default, voxels: a training step takes a few seconds."""


def with_data(config: FinetuneConfig, data: LabelledData) -> FinetuneConfig:
    """Returns the settings with the modality of the data set, and its median spacing where there is no run.

    Raises:
        InputError: no scan has a header that can be read.
    """
    if config.modality == "auto":
        config = replace(config, modality=data.modality)
    if config.spacing_mm is None:
        spacing = plan_spacing([case.source for case in data.cases], config.selection())
        say(f"spacing_mm: {spacing} (the median voxel of the scans)")
        config = replace(config, spacing_mm=spacing)
    return config


def patch_size_for(settings: ResolvedFinetune, shapes: Sequence[Triple]) -> Triple:
    """Returns the patch size: the one given, or the only one that the weights fit, or one planned from the scans.

    Args:
        shapes: sizes of the prepared scans in voxels.
    """
    if settings.config.patch_size is not None:
        return settings.config.patch_size
    fixed, encoder = settings.point.one_size, settings.point.encoder
    size = fixed or plan_patch_size(shapes, encoder.divisor, encoder.min_cells, settings.device.type)
    why = "required by the position embedding" if fixed else "a typical scan, limited to what the device can train on"
    say(f"patch_size: {size} ({why})")
    return size


def plan_spacing(sources: Iterable[ScanSource], selection: Selection) -> TripleMm:
    """Returns the median voxel size of the scans, axis by axis.

    Raises:
        InputError: no scan has a header that can be read.
    """
    spacings, last = [], None
    for _, header in scan_headers(sources, selection):
        if isinstance(header, ScanError):
            last = header
        else:
            spacings.append(header.spacing_mm)
    if not spacings:
        raise last or InputError("data", wanted="at least one scan", got="none", do="check the paths")
    median = [float(f"{value:.4g}") for value in np.median(np.array(spacings), axis=0)]
    return median[0], median[1], median[2]


def plan_patch_size(shapes: Sequence[Triple], divisor: Triple, least: int, device: str) -> Triple:
    """Returns the size of a patch: a typical scan, its longest edges shortened to what the device can train on.

    Args:
        shapes: sizes of the prepared scans in voxels.
        divisor: every edge is a multiple of it.
        least: cells that the network's last level needs in total.
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
