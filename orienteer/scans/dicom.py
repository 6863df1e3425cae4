"""DICOM series: which files belong together, in which order, and where their voxels lie.

Order and place come from each slice's position and orientation, never from file names or instance numbers. The rules
are those of DICOM PS3.3 C.7.6.2 (Image Plane Module): mm towards left, back and head; the first orientation triplet
points along a row. Nothing that could name a patient is kept: a series is known by a hash of its UID.
"""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom.errors import InvalidDicomError

from orienteer.errors import ScanError
from orienteer.types import Triple, TripleMm

EVEN_TOLERANCE = 0.1
"""How far a slice may lie from its place in an even stack, as a share of the slice distance. Some scanners round
positions to 0.1 mm, which moves slices of 0.6 mm by 8 %; a missing slice moves its neighbours by 100 %."""

SAME_PLACE = 0.01
"""Two slices nearer than this share of the slice distance lie at one place."""

NOT_IMAGES = frozenset(
    {"SR", "SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "DOC", "REG", "FID", "SMR", "AU", "ECG"}
)
"""Modalities that carry reports, contours, plans or label maps instead of a scan."""

_TAGS = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "SamplesPerPixel",
]


@dataclass(frozen=True)
class SliceHeader:
    """The header fields of one DICOM file that give its place in a series, and nothing about the patient.

    Attributes:
        path: the file.
        series: eight hexadecimal digits made from the SeriesInstanceUID.
        modality: the Modality tag (``CT``, ``MR``, ``SR``, ...), empty if missing.
        localizer: whether it is a scout image for planning.
        frames: number of frames in the file; 1 for a classic slice.
        channels: samples per pixel; 3 for colour.
        size_px: columns, rows.
        place: position (3), row and column direction (6), column and row distance (2), mm towards left, back, head;
            None where the header lacks any of them.
    """

    path: Path
    series: str
    modality: str
    localizer: bool
    frames: int
    channels: int
    size_px: tuple[int, int]
    place: tuple[float, ...] | None


class Stack(NamedTuple):
    """A series in order along its slice normal, and where its voxels lie in SimpleITK's frame (left, back, head)."""

    files: tuple[Path, ...]
    shape_vox: Triple
    spacing_mm: TripleMm
    origin_lps_mm: TripleMm
    direction_lps: Float[np.ndarray, "3 3"]


def read_slice_header(path: Path) -> SliceHeader | None:
    """Returns the header of a file, or None if it is not a DICOM image or document.

    A file without the DICOM mark at its start is tried only when its name ends in .dcm or .ima. Pixels are not read.

    Raises:
        OSError: the file cannot be opened.
    """
    named = path.suffix.lower() in (".dcm", ".ima")
    if not named and not _has_mark(path):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about every unusual tag; the tags used here are checked below
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS, force=named)
            return _slice_header(path, data) if "SeriesInstanceUID" in data else None
        except OSError:
            raise
        except (InvalidDicomError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, EOFError):
            return None


def in_order(slices: tuple[SliceHeader, ...]) -> tuple[SliceHeader, ...]:
    """Returns slices sorted by position along the first slice's normal; those without a position come last, by name."""
    placed = [item for item in slices if item.place is not None]
    unplaced = [item for item in slices if item.place is None]
    if placed:
        normal = _normal(placed[0])
        placed.sort(key=lambda item: (float(_position(item) @ normal), item.path.name))
    return (*placed, *sorted(unplaced, key=lambda item: item.path.name))


def stack(name: str, slices: tuple[SliceHeader, ...]) -> Stack:
    """Returns the series as one block of voxels: files in order, size, spacing, origin and directions.

    Raises:
        ScanError: the slices do not form an even, complete stack; the message names how many are missing or duplicated, and
            where.
    """
    ordered = in_order(slices)
    _check_alike(name, ordered)
    normal = _normal(ordered[0])
    positions = np.array([_position(item) for item in ordered])
    heights = (positions - positions[0]) @ normal
    gap = _check_even(name, heights)
    _check_upright(name, positions, normal, gap)
    column_mm, row_mm = _place(ordered[0])[9:11]
    if not (column_mm > 0 and row_mm > 0):
        _refuse(name, "pixel spacings above zero", f"{column_mm} x {row_mm} mm", "correct the header")
    directions = np.column_stack([_row(ordered[0]), _column(ordered[0]), normal])
    return Stack(
        files=tuple(item.path for item in ordered),
        shape_vox=(*ordered[0].size_px, len(ordered)),
        spacing_mm=(column_mm, row_mm, gap),
        origin_lps_mm=(float(positions[0, 0]), float(positions[0, 1]), float(positions[0, 2])),
        direction_lps=directions,
    )


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _slice_header(path: Path, data: pydicom.Dataset) -> SliceHeader:
    parts = [data.get(tag) for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")]
    place: tuple[float, ...] | None = None
    if all(part is not None for part in parts) and [len(part) for part in parts] == [3, 6, 2]:
        position, orientation, (row_mm, column_mm) = parts
        # DICOM gives the distance between rows first; arrays here count columns first.
        place = tuple(float(value) for value in (*position, *orientation, column_mm, row_mm))
    kinds = data.get("ImageType") or []
    return SliceHeader(
        path=path,
        series=hashlib.sha256(str(data.SeriesInstanceUID).encode()).hexdigest()[:8],
        modality=str(data.get("Modality") or ""),
        localizer="LOCALIZER" in ([kinds] if isinstance(kinds, str) else [str(kind).upper() for kind in kinds]),
        frames=int(data.get("NumberOfFrames") or 1),
        channels=int(data.get("SamplesPerPixel") or 1),
        size_px=(int(data.get("Columns") or 0), int(data.get("Rows") or 0)),
        place=place,
    )


def _check_alike(name: str, slices: tuple[SliceHeader, ...]) -> None:
    """Refuses series whose slices cannot form one block, whatever their positions."""
    first = slices[0]
    if any(item.frames > 1 for item in slices):
        _refuse(
            name, "one slice a file", f"a file with {max(item.frames for item in slices)} frames", "convert to NIfTI"
        )
    if any(item.channels > 1 for item in slices):
        _refuse(name, "one value per voxel", f"{first.channels} (colour)", "leave colour images out with --exclude")
    unplaced = sum(item.place is None for item in slices)
    if unplaced:
        _refuse(name, "a position in every slice", f"{unplaced} of {len(slices)} slices without", "export it again")
    if len(slices) == 1:
        _refuse(name, "a series of slices", "a single slice", "check that the whole series was copied")
    sizes = sorted({item.size_px for item in slices})
    if len(sizes) > 1:
        _refuse(name, "slices of one size", f"sizes {sizes}", "keep one size a series")
    tilts = [np.abs(np.subtract(_place(item)[3:9], _place(first)[3:9])).max() for item in slices]
    if max(tilts) > 1e-3:
        odd = sum(tilt > 1e-3 for tilt in tilts)
        _refuse(
            name, "slices of one direction", f"{odd} of {len(slices)} turned differently", "keep one direction a series"
        )
    row, column = _row(first), _column(first)
    if abs(row @ column) > 1e-3 or abs(row @ row - 1) > 1e-3 or abs(column @ column - 1) > 1e-3:
        _refuse(name, "row and column directions at right angles", "directions that are not", "export it again")


def _check_even(name: str, heights: Float[np.ndarray, " slices"]) -> float:
    """Returns the slice distance in mm; refuses stacks with missing or duplicated slices, naming where."""
    gaps = np.diff(heights)
    typical = float(np.median(gaps[gaps > SAME_PLACE * gaps.max()])) if gaps.max() > 0 else 0.0
    double = np.flatnonzero(gaps <= SAME_PLACE * typical)
    if double.size:
        got = f"{double.size} of {heights.size} slices at a place that has one already, {_where(heights, double)}"
        _refuse(name, "one slice a place", got, "keep one copy, or one phase of the scan, in a folder")
    wide = np.flatnonzero(gaps > 1.5 * typical)
    if wide.size:
        missing = int(np.rint(gaps[wide] / typical - 1).sum())
        got = f"{missing} missing between {heights.size} slices of {typical:.4g} mm, {_where(heights, wide)}"
        _refuse(name, "slices without holes", got, "copy the whole series")
    gap = float(heights[-1] / (heights.size - 1))
    places = np.arange(heights.size)
    # Against the line of best fit, not the one through the ends, which may be rounded too.
    uneven = np.abs(heights - np.polyval(np.polyfit(places, heights, 1), places)) / gap
    if uneven.max() > EVEN_TOLERANCE:
        worst = int(uneven.argmax())
        got = f"gaps of {gaps.min():.4g} to {gaps.max():.4g} mm, worst at slice {worst}"
        _refuse(name, "even distances between slices", got, "resample it to even slices first")
    return gap


def _check_upright(
    name: str, positions: Float[np.ndarray, "slices 3"], normal: Float[np.ndarray, "3"], gap: float
) -> None:
    """Refuses stacks whose slices are shifted sideways, as with a tilted gantry: their voxels form no rectangular block."""
    moved = positions - positions[0]
    sideways = np.linalg.norm(moved - np.outer(moved @ normal, normal), axis=1)
    if sideways.max() > EVEN_TOLERANCE * gap + 1e-3:
        got = f"a stack that slides {sideways.max():.4g} mm sideways (a tilted gantry?)"
        _refuse(name, "slices straight above each other", got, "correct the tilt first (dcm2niix does)")


def _where(heights: Float[np.ndarray, " slices"], after: np.ndarray) -> str:
    """Returns up to three places, in slice numbers and mm above the first slice."""
    places = [f"slice {int(index)} ({heights[index]:.4g} mm)" for index in after[:3]]
    return "after " + ", ".join(places) + (" and more" if after.size > 3 else "")


def _refuse(name: str, wanted: str, got: str, do: str) -> NoReturn:
    raise ScanError(name, step="read", wanted=wanted, got=got, do=do)


def _place(item: SliceHeader) -> tuple[float, ...]:
    assert item.place is not None, "slices without a place are refused before this"
    return item.place


def _position(item: SliceHeader) -> Float[np.ndarray, "3"]:
    return np.array(_place(item)[:3])


def _row(item: SliceHeader) -> Float[np.ndarray, "3"]:
    return np.array(_place(item)[3:6])


def _column(item: SliceHeader) -> Float[np.ndarray, "3"]:
    return np.array(_place(item)[6:9])


def _normal(item: SliceHeader) -> Float[np.ndarray, "3"]:
    normal = np.cross(_row(item), _column(item))
    return normal / max(float(np.linalg.norm(normal)), 1e-12)
