"""Which files of a DICOM series belong to its stack of slices, and which lie beside it: scouts, dose pages, copies."""

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

import numpy as np
import pydicom

from orienteer.scans.dicom import NOT_IMAGES, SliceHeader

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP classes of screenshots, scanned pages and dose pages begin so."""

FEW = 0.1
"""One file, or at most this share of the files, may differ from the others and be left out. More are a second scan."""

TURNED = 0.02
"""Directions that differ by more than this (about one degree) are others. Smaller differences are refused with the stack."""

IsOdd: TypeAlias = Callable[[SliceHeader], str | None]
"""Returns why a file does not belong to its series; None if it does."""


class Parted(NamedTuple):
    """The files of a series that form its stack, and those beside it with the reason."""

    slices: tuple[SliceHeader, ...]
    odd: tuple[tuple[SliceHeader, str], ...]


def parted(slices: tuple[SliceHeader, ...]) -> Parted:
    """Returns the slices of a series, and the files that are none although they carry its identifier.

    Left out are: documents and files without pixels; scouts and secondary captures where the other files are none; single
    files in colour, without a place, of another size or turned differently; and all but one of identical copies. What
    remains may still be no whole stack, which is refused when it is read.
    """
    odd: list[tuple[SliceHeader, str]] = []
    kept = list(slices)

    def leave_out(is_odd: IsOdd, only_few: bool = False) -> None:
        nonlocal kept
        reasons = [is_odd(item) for item in kept]
        count = sum(reason is not None for reason in reasons)
        if count == len(kept) or (only_few and count > max(1, FEW * len(kept))):
            return
        odd.extend((item, reason) for item, reason in zip(kept, reasons, strict=True) if reason is not None)
        kept = [item for item, reason in zip(kept, reasons, strict=True) if reason is None]

    leave_out(_document)
    leave_out(lambda item: "a localizer (scout image) in a series of slices" if item.localizer else None)
    leave_out(_secondary_capture)
    leave_out(lambda item: "a colour image in a series of slices" if item.channels > 1 else None, only_few=True)
    leave_out(_unplaced, only_few=True)
    leave_out(_unlike_in_size(kept), only_few=True)
    leave_out(_turned_from(kept), only_few=True)
    copies = _copies(kept)
    leave_out(lambda item: copies.get(item.path.name))
    return Parted(tuple(kept), tuple(odd))


def _document(item: SliceHeader) -> str | None:
    if item.modality in NOT_IMAGES:
        return f"no image (DICOM modality {item.modality}) in a series of slices"
    return None if item.fault or 0 not in item.size_px else "a DICOM file without pixels"


def _secondary_capture(item: SliceHeader) -> str | None:
    captured = item.sop_class.startswith(SECONDARY_CAPTURE)
    return "a secondary capture (dose page or screenshot) in a series of slices" if captured else None


def _unplaced(item: SliceHeader) -> str | None:
    return "no position in its header, in a series of slices" if item.place is None and item.fault is None else None


def _unlike_in_size(slices: list[SliceHeader]) -> IsOdd:
    (usual, _), *_ = Counter(item.size_px for item in slices).most_common(1)
    across, down = usual

    def reason(item: SliceHeader) -> str | None:
        columns, rows = item.size_px
        same = item.fault is not None or item.size_px == usual
        return None if same else f"{columns} x {rows} pixels in a series of {across} x {down}"

    return reason


def _turned_from(slices: list[SliceHeader]) -> IsOdd:
    placed = [item for item in slices if item.place is not None]
    counts = Counter(tuple(np.round([item.row, item.column], 2).ravel()) for item in placed)
    usual = np.reshape(counts.most_common(1)[0][0], (2, 3)) if placed else np.zeros((2, 3))

    def reason(item: SliceHeader) -> str | None:
        turned = item.place is not None and np.abs(np.array([item.row, item.column]) - usual).max() > TURNED
        return "a slice in another direction than the others of its series" if turned else None

    return reason


def _copies(slices: list[SliceHeader]) -> dict[str, str]:
    """Returns the files that hold the same pixels at the same place as an earlier one, by name."""
    places: dict[Hashable, list[SliceHeader]] = defaultdict(list)
    for item in slices:
        if item.place is not None and item.fault is None:
            places[tuple(np.round(item.place[:9], 3))].append(item)
    copies: dict[str, str] = {}
    for items in places.values():
        first, *others = sorted(items, key=lambda item: item.path.name)
        for other in others:
            if other.rescale != first.rescale or _pixels(other) != _pixels(first):
                return copies  # phases of a scan, not copies: the stack is refused, and comparing them all takes long
            copies[other.path.name] = f"the same slice as {first.path.name}"
    return copies


def _pixels(item: SliceHeader) -> bytes:
    """Returns a hash of the pixels as they are stored, whatever the rest of the header says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(item.path, specific_tags=["PixelData"], force=True)
            return hashlib.blake2b(data.PixelData, digest_size=16).digest()
        except Exception:  # damaged pixels are named when the series is read
            return item.path.name.encode()
