"""The geometry of a DICOM series: one even, complete block of voxels, or a refusal that names what is wrong and where.

The rules are those of DICOM PS3.3 C.7.6.2 (Image Plane Module): mm towards left, back and head; the first orientation
triplet points along a row.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from orienteer.scans.dicom import MIXED, SliceHeader, in_order
from orienteer.scans.refuse import refuse
from orienteer.types import Triple, TripleMm

EVEN_TOLERANCE = 0.1
"""How far a slice may lie from its place in an even stack, as a share of the slice distance. Some scanners round
positions to 0.1 mm, which moves slices of 0.6 mm by 8 %; a missing slice moves its neighbours by 100 %."""

GREY = ("MONOCHROME1", "MONOCHROME2")
"""PhotometricInterpretations with one value per pixel."""

SAME_PIXELS_VOX = 0.1
"""Pixel spacings may differ by rounding: by what moves the border of a slice by this many pixels."""

SAME_PLACE = 0.01
"""Two slices nearer than this share of the slice distance lie at one place."""


class Stack(NamedTuple):
    """A series in order along its slice normal, and where its voxels lie in SimpleITK's frame (left, back, head)."""

    slices: tuple[SliceHeader, ...]
    shape_vox: Triple
    spacing_mm: TripleMm
    origin_lps_mm: TripleMm
    direction_lps: Float[np.ndarray, "3 3"]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in the order of the slices."""
        return tuple(item.path for item in self.slices)


def stack(name: str, slices: tuple[SliceHeader, ...]) -> Stack:
    """Returns the series as one block of voxels: files in order, size, spacing, origin and directions.

    Raises:
        ScanError: the slices do not form an even, complete stack; the message names how many are missing or duplicated, and
            where.
    """
    ordered = in_order(slices)
    _check_alike(name, ordered)
    normal = ordered[0].normal
    positions = np.array([item.position for item in ordered])
    heights = (positions - positions[0]) @ normal
    gap = _check_even(name, heights, "convert it with dcm2niix" if ordered[0].frame is not None else None)
    _check_upright(name, positions, normal, gap)
    column_mm, row_mm = ordered[0].pixel_mm
    directions = np.column_stack([ordered[0].row, ordered[0].column, normal])
    return Stack(
        slices=ordered,
        shape_vox=(*ordered[0].size_px, len(ordered)),
        spacing_mm=(column_mm, row_mm, gap),
        origin_lps_mm=(float(positions[0, 0]), float(positions[0, 1]), float(positions[0, 2])),
        direction_lps=directions,
    )


def _check_alike(name: str, slices: tuple[SliceHeader, ...]) -> None:
    """Refuses series whose slices cannot form one block, whatever their positions."""
    faulty = [item for item in slices if item.fault is not None]
    if faulty:
        got = f"{_files(faulty, slices)}: {faulty[0].fault}"
        refuse(name, "slices with headers that can be read", got, "correct the header, or export the series again")
    if any(item.frames > 1 for item in slices):
        got = f"a file with {max(item.frames for item in slices)} frames and no positions of them"
        refuse(name, "one slice a file, or an enhanced file with functional groups", got, "convert it to NIfTI")
    if any(item.channels > 1 for item in slices):
        got = f"{max(item.channels for item in slices)} (colour)"
        refuse(name, "one value per voxel", got, "leave colour images out with --exclude")
    _check_one(name, slices, "one modality", lambda item: item.modality or "none")
    _check_one(name, slices, "one PhotometricInterpretation", lambda item: item.photometric)
    _check_one(name, slices, "slope and intercept in all slices or none", _rescaled)
    _check_one_context(name, slices)
    if slices[0].photometric not in GREY:
        got = f"{slices[0].photometric} (colour)"
        refuse(name, "one value per voxel", got, "leave colour images out with --exclude")
    _check_places(name, slices)


def _check_one_context(name: str, slices: tuple[SliceHeader, ...]) -> None:
    """Refuses slices of several patients, studies or frames of reference: their positions say nothing to each other."""
    odd = [item for item in slices if item.context != slices[0].context]
    if odd:
        got = f"another patient, study or frame of reference in {_files(odd, slices)}"
        do = "keep the slices of one study in a folder, or give each series an identifier of its own"
        refuse(name, "slices of one study", got, do)


def mixtures(slices: Sequence[SliceHeader]) -> tuple[str, ...]:
    """Returns what lets a stack look like two scans in one, where headers show it: slices of different kinds in turns.

    Blocks of slices may differ: some scanners count every turn of the tube, or every bed position, as an acquisition.
    """
    notes = []
    for tag, values in zip(MIXED, zip(*(item.mixed for item in slices), strict=True), strict=False):
        changes = sum(one != other for one, other in pairwise(values))
        if changes >= len(set(values)) > 1:
            shown = ", ".join(sorted(set(values))[:3])
            notes.append(f"slices with {tag} {shown} in turns: are they of one scan?")
    return tuple(notes)


def _check_places(name: str, slices: tuple[SliceHeader, ...]) -> None:
    first = slices[0]
    unplaced = [item for item in slices if item.place is None]
    if unplaced:
        missing = " and ".join(unplaced[0].missing) or "a place"
        got = f"{len(unplaced)} of {len(slices)} slices without, the first in {unplaced[0].shown} ({missing})"
        refuse(name, "a position, directions and a pixel spacing in every slice", got, "export it again")
    if len(slices) == 1:
        refuse(name, "a series of slices", "a single slice", "check that the whole series was copied")
    sizes = sorted({item.size_px for item in slices})
    if len(sizes) > 1:
        refuse(name, "slices of one size", f"sizes {sizes}", "keep one size a series")
    turned = [
        item for item in slices if np.abs(np.subtract((item.row, item.column), (first.row, first.column))).max() > 1e-3
    ]
    if turned:
        got = f"{len(turned)} of {len(slices)} turned differently, the first in {turned[0].shown}"
        refuse(name, "slices of one direction", got, "keep one direction a series")
    row, column = first.row, first.column
    if abs(row @ column) > 1e-3 or abs(row @ row - 1) > 1e-3 or abs(column @ column - 1) > 1e-3:
        refuse(name, "row and column directions at right angles", "directions that are not", "export it again")
    _check_pixel_spacing(name, slices)


def _check_pixel_spacing(name: str, slices: tuple[SliceHeader, ...]) -> None:
    """Refuses series whose slices have pixels of different sizes, by which the border of a slice would move visibly."""
    spacings = np.array([item.pixel_mm for item in slices])  # (slices, 2)
    if not (spacings > 0).all():
        column_mm, row_mm = next(item.pixel_mm for item in slices if min(item.pixel_mm) <= 0)
        refuse(name, "pixel spacings above zero", f"{column_mm} x {row_mm} mm", "correct the header")
    usual = np.median(spacings, axis=0)
    moved_vox = np.abs(spacings / usual - 1) * np.array(slices[0].size_px)  # at the border of a slice
    odd = [item for item, shift in zip(slices, moved_vox.max(axis=1), strict=True) if shift > SAME_PIXELS_VOX]
    if odd:
        words = [f"{column_mm:g} x {row_mm:g} mm" for column_mm, row_mm in (odd[0].pixel_mm, usual)]
        got = f"{words[0]} in {_files(odd, slices)}, where the others have {words[1]}"
        refuse(name, "one pixel spacing", got, "keep one pixel spacing a series, or correct the header")


def _rescaled(item: SliceHeader) -> str:
    return "none" if item.rescale is None else "RescaleSlope and RescaleIntercept"


def _check_one(name: str, slices: tuple[SliceHeader, ...], wanted: str, of: Callable[[SliceHeader], str]) -> None:
    usual = Counter(of(item) for item in slices).most_common(1)[0][0]
    odd = [item for item in slices if of(item) != usual]
    if odd:
        got = f"{of(odd[0])} in {_files(odd, slices)}, where the others have {usual}"
        refuse(name, wanted, got, "keep slices of one kind in a series")


def _files(odd: Sequence[SliceHeader], slices: Sequence[SliceHeader]) -> str:
    """Returns the name of the first of some files, and how many they are."""
    return odd[0].shown if len(odd) == 1 else f"{odd[0].shown} and {len(odd) - 1} more of {len(slices)} slices"


def _check_even(name: str, heights: Float[np.ndarray, " slices"], instead: str | None = None) -> float:
    """Returns the slice distance in mm; refuses stacks with missing or duplicated slices, naming where.

    Args:
        instead: what to do about several slices at one place, where these are not files of their own.
    """
    gaps = np.diff(heights)
    wider = gaps[gaps > SAME_PLACE * gaps.max()]
    typical = float(np.percentile(wider, 50, method="lower")) if gaps.max() > 0 else 0.0  # lower: holes are wide
    double = np.flatnonzero(gaps <= SAME_PLACE * typical)
    if double.size:
        got = f"{double.size} of {heights.size} slices at a place that has one already, {_where(heights, double)}"
        do = (
            f"{instead}, which writes a file for each phase or echo"
            if instead
            else "keep one copy, or one phase of the scan, in a folder"
        )
        refuse(name, "one slice a place", got, do)
    wide = np.flatnonzero(gaps > 1.5 * typical)
    if wide.size:
        missing = int(np.rint(gaps[wide] / typical - 1).sum())
        got = f"{missing} missing between {heights.size} slices of {typical:.4g} mm, {_where(heights, wide)}"
        refuse(name, "slices without holes", got, "copy the whole series")
    gap = float(heights[-1] / (heights.size - 1))
    places = np.arange(heights.size)
    # Against the line of best fit, not the one through the ends, which may be rounded too.
    uneven = np.abs(heights - np.polyval(np.polyfit(places, heights, 1), places)) / gap
    if uneven.max() > EVEN_TOLERANCE:
        worst = int(uneven.argmax())
        got = f"gaps of {gaps.min():.4g} to {gaps.max():.4g} mm, worst at slice {worst}"
        refuse(name, "even distances between slices", got, "resample it to even slices first")
    return gap


def _check_upright(
    name: str, positions: Float[np.ndarray, "slices 3"], normal: Float[np.ndarray, "3"], gap: float
) -> None:
    """Refuses stacks whose slices are shifted sideways, as with a tilted gantry: their voxels form no rectangular block."""
    moved = positions - positions[0]
    sideways = np.linalg.norm(moved - np.outer(moved @ normal, normal), axis=1)
    if sideways.max() > EVEN_TOLERANCE * gap + 1e-3:
        got = f"a stack that slides {sideways.max():.4g} mm sideways (a tilted gantry?)"
        refuse(name, "slices straight above each other", got, "correct the tilt first (dcm2niix does)")


def _where(heights: Float[np.ndarray, " slices"], after: np.ndarray) -> str:
    """Returns up to three places, in slice numbers and mm above the first slice."""
    places = [f"slice {int(index)} ({heights[index]:.4g} mm)" for index in after[:3]]
    return "after " + ", ".join(places) + (" and more" if after.size > 3 else "")
