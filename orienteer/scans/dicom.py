"""Headers of DICOM slices, and their order in a series.

The order follows from the position and orientation of each slice, never from file names or instance numbers. Nothing
that could identify a patient is kept: a series is known by a hash of its UID.
"""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom.errors import InvalidDicomError

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

    @property
    def position(self) -> Float[np.ndarray, "3"]:
        """Centre of the first voxel, mm towards left, back, head."""
        return np.array(self._known_place()[:3])

    @property
    def row(self) -> Float[np.ndarray, "3"]:
        """Direction in which the columns are counted."""
        return np.array(self._known_place()[3:6])

    @property
    def column(self) -> Float[np.ndarray, "3"]:
        """Direction in which the rows are counted."""
        return np.array(self._known_place()[6:9])

    @property
    def normal(self) -> Float[np.ndarray, "3"]:
        """Direction in which slices are stacked."""
        normal: np.ndarray = np.cross(self.row, self.column)
        return normal / max(float(np.linalg.norm(normal)), 1e-12)

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance between columns and between rows, mm."""
        column_mm, row_mm = self._known_place()[9:11]
        return column_mm, row_mm

    def _known_place(self) -> tuple[float, ...]:
        assert self.place is not None, "slices without a place are refused before this"
        return self.place


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
        normal = placed[0].normal
        placed.sort(key=lambda item: (float(item.position @ normal), item.path.name))
    return (*placed, *sorted(unplaced, key=lambda item: item.path.name))


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
