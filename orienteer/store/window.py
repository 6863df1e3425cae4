"""The window in HU that suits the CT scans of a folder, chosen from the values of their bodies, with the reason.

A window that holds all HU leaves soft tissue a tenth of the range. One that ends at fat and at contrast-filled vessels makes
organs differ by more of it, and clips lungs and dense bone. So it is the narrow one, extended to each side on which a
collection has much to show.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from orienteer.errors import InputError, ScanError
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.body_values import BodyValues, body_values
from orienteer.scans.source import ScanHeader, ScanSource, Selection
from orienteer.store.survey import Chosen

Window = tuple[float, float]
"""The HU that become -1 and 1."""

WHOLE: Window = (-1000.0, 1000.0)
"""From air to dense bone: for a collection of which nothing is known."""

SOFT_TISSUE: Window = (-160.0, 260.0)
"""From fat to contrast-filled vessels: a window in which abdominal CT is read, and half of the steps to the same gap error
(docs/methods.md)."""

LUNG_HU, BONE_HU = -300.0, 300.0
"""Lung and gas lie below the one, bone and dense contrast medium above the other."""

MUCH = 0.1
"""A window is extended to a side on which a tenth of the body lies."""

SAMPLED_SCANS = 8
"""Scans that are read. Bodies differ less than the three kinds of window."""


def window_of_scans(
    sources: Sequence[ScanSource], headers: Sequence[ScanHeader], selection: Selection, given: Window | None
) -> Chosen[Window]:
    """Returns the window for the CT among these scans: the given one, or one chosen from a sample of them.

    Args:
        sources: where the scans are.
        headers: those that can be used, with the modality where the header names it.
        selection: frame and modality.
        given: the user's window; None to choose.
    """
    if given is not None:
        return Chosen((float(given[0]), float(given[1])), "as given")
    ct = {header.name for header in headers if header.modality != "MR"}
    usable = [source for source in sources if source.name in ct]
    count = min(SAMPLED_SCANS, len(usable))
    picked = sorted({round(at) for at in np.linspace(0, len(usable) - 1, count)}) if usable else []
    read = [_values_or_none(usable[at], selection) for at in picked]
    return choose_window([values for values in read if values is not None and values.modality == "CT"])


def choose_window(bodies: Sequence[BodyValues]) -> Chosen[Window]:
    """Returns the window that suits CT scans.

    Args:
        bodies: values of the bodies of some of the scans.

    Example:
        >>> abdomen = BodyValues("CT", np.linspace(-120, 280, 1001, dtype=np.float32))
        >>> choose_window([abdomen]).value
        (-160.0, 260.0)
        >>> thorax = BodyValues("CT", np.linspace(-900, 280, 1001, dtype=np.float32))
        >>> choose_window([thorax]).value
        (-1000.0, 260.0)
    """
    if not bodies:
        return Chosen(WHOLE, "air to dense bone: no CT among the scans that were looked at")
    lung = float(np.mean([body.share_below(LUNG_HU) for body in bodies]))
    bone = float(np.mean([1 - body.share_below(BONE_HU) for body in bodies]))
    low = WHOLE[0] if lung >= MUCH else SOFT_TISSUE[0]
    high = WHOLE[1] if bone >= MUCH else SOFT_TISSUE[1]
    name = {SOFT_TISSUE: "soft tissue", WHOLE: "air to dense bone"}.get((low, high), "soft tissue and lung")
    name = "soft tissue and bone" if high > SOFT_TISSUE[1] and low > WHOLE[0] else name
    shares = f"{lung:.0%} of the body below {LUNG_HU:g} HU and {bone:.0%} above {BONE_HU:g} HU in {len(bodies)} CT"
    return Chosen((low, high), f"{name}: {shares}")


def _values_or_none(source: ScanSource, selection: Selection) -> BodyValues | None:
    """Returns the values of a scan's body; None for a scan that cannot be read, which preparing names."""
    try:
        return _values(source, selection, tuple(_state(file) for file in source.files))
    except (ScanError, InputError, OSError):
        return None


@lru_cache(maxsize=256)
def _values(source: ScanSource, selection: Selection, states: tuple[tuple[int, int], ...]) -> BodyValues:
    """Reads a scan in the reading process, once for all plans of this program on the same files."""
    return apart(source.name, source.files, body_values, source, selection, bounds=preparing_bounds)


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
