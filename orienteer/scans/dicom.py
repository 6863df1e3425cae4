"""Headers of DICOM slices, and their order in a series.

The order follows from the position and orientation of each slice, never from file names or instance numbers. Nothing
that could identify a patient is kept: a series is known by a hash of its UID.
"""

import hashlib
import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pydicom
from jaxtyping import Float

from orienteer.scans.dicom_fields import Fields

NOT_IMAGES = frozenset(
    {"SR", "SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "DOC", "REG", "FID", "SMR", "AU", "ECG"}
)
"""Modalities that carry reports, contours, plans or label maps instead of a scan."""

DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of the table of contents of a disc (DICOMDIR)."""

FARTHEST_MM = 1e5
"""A position further away than this is no position."""

_NUMBERS = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
"""The tags that place a slice, and how many numbers each holds."""

_CONTEXT = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID")
"""The tags that say whose body, and which coordinates, a position belongs to."""

MIXED = ("EchoTime", "ConvolutionKernel", "AcquisitionNumber")
"""Tags that slices of one scan share. Where they differ, several scans may be mixed."""

LONGEST = 16
"""Letters of a text that is shown."""

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "ConcatenationUID",
    *_CONTEXT,
    *MIXED,
    "Modality",
    "ImageType",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsStored",
    "HighBit",
    "PhotometricInterpretation",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "PixelPaddingValue",
    *_NUMBERS,
]


@dataclass(frozen=True)
class SliceHeader:
    """The header fields of one DICOM file that give its place in a series, and nothing about the patient.

    Attributes:
        path: the file.
        series: eight hexadecimal digits made from the SeriesInstanceUID; empty if it is missing.
        modality: the Modality tag (``CT``, ``MR``, ``SR``, ...), empty if missing.
        localizer: whether it is a scout image for planning.
        frames: number of frames in the file; 1 for a classic slice, and for a frame of an enhanced file.
        frame: which frame of an enhanced file this is, from 0; None for a classic slice.
        channels: samples per pixel; 3 for colour.
        size_px: columns, rows.
        place: position (3), row and column direction (6), column and row distance (2), mm towards left, back, head;
            None where the header lacks any of them.
        sop_class: what kind of object it is, a UID of the standard.
        photometric: how the values are meant to be shown, ``MONOCHROME2`` unless it says otherwise.
        rescale: slope and intercept that make HU of the values stored; None if the header has neither.
        rescale_type: the unit that slope and intercept lead to, where the header names it.
        padding: the value, after slope and intercept, of pixels outside the scanned field; None if none is named.
        context: a hash of patient, study and frame of reference, to be compared with those of the other slices.
        mixed: the values of `MIXED`, as text.
        fault: what is wrong with the header, in words; None if nothing is.
        missing: the tags of a place that the header lacks.
    """

    path: Path
    series: str
    modality: str
    localizer: bool
    frames: int
    channels: int
    size_px: tuple[int, int]
    place: tuple[float, ...] | None
    sop_class: str = ""
    photometric: str = "MONOCHROME2"
    rescale: tuple[float, float] | None = None
    rescale_type: str = ""
    padding: float | None = None
    context: str = ""
    mixed: tuple[str, ...] = ()
    fault: str | None = None
    frame: int | None = None
    missing: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name of the file, and the number of the frame if it holds several."""
        return self.path.name if self.frame is None else f"frame {self.frame + 1} of {self.path.name}"

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


class NotASlice(NamedTuple):
    """A file that is no DICOM slice, with the reason.

    Attributes:
        kind: whether it is something else than DICOM, a DICOM file that is no image, or one that cannot be read.
    """

    reason: str
    kind: Literal["other", "document", "broken"]


NOT_DICOM = NotASlice("not a DICOM file", "other")


def read_slice_header(path: Path) -> SliceHeader | NotASlice:
    """Returns the header of a DICOM image or document, or why a file is none. Pixels are not read.

    A file without the DICOM mark at its start is tried where its name ends in .dcm or .ima, or where it begins with an
    element of a DICOM header. A header with values that cannot be read still gives its series; ``fault`` says what is wrong.

    Raises:
        OSError: the file cannot be opened.
    """
    data = opened_header(path)
    if isinstance(data, NotASlice):
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about every unusual tag; the tags used here are checked below
        try:
            return slice_header(path, data)
        except Exception as error:  # it reads an element when it is asked for it
            return _damaged(error, marked=data.preamble is not None)


def opened_header(path: Path, more: tuple[str, ...] = ()) -> pydicom.FileDataset | NotASlice:
    """Returns the elements of a DICOM file that are used here, or why it is none.

    Args:
        path: the file.
        more: further elements.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        start = file.read(132)
    marked, named = start[128:] == b"DICM", path.suffix.lower() in (".dcm", ".ima")
    if not (marked or named or _begins_with_element(start)):
        return NOT_DICOM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*_TAGS, *more], force=not marked)
            sop_class = str(data.file_meta.get("MediaStorageSOPClassUID", ""))
            known = any(tag in data for tag in _TAGS)
        except Exception as error:  # pydicom raises errors of many kinds for damaged files, OSError among them
            return _damaged(error, marked)
    if sop_class == DIRECTORY:
        return NotASlice("a DICOM directory file, not an image", "document")
    if not known:
        return NotASlice("a DICOM file that ends before the fields of an image", "broken") if marked else NOT_DICOM
    return data


def _damaged(error: Exception, marked: bool) -> NotASlice:
    """Returns what a file is whose header brought out an error; raises it where the file cannot be opened."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return NotASlice("a DICOM file whose header is damaged", "broken") if marked else NOT_DICOM


def in_order(slices: tuple[SliceHeader, ...]) -> tuple[SliceHeader, ...]:
    """Returns slices sorted by position along the first slice's normal; those without a position come last, by name."""
    placed = [item for item in slices if item.place is not None]
    unplaced = [item for item in slices if item.place is None]
    if placed:
        normal = placed[0].normal
        placed.sort(key=lambda item: (float(item.position @ normal), item.path.name))
    return (*placed, *sorted(unplaced, key=lambda item: item.path.name))


def _begins_with_element(start: bytes) -> bool:
    """Returns whether a file without preamble begins like DICOM: with an early element of group 0002 or 0008."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}2H", start)
        (length,) = struct.unpack_from(f"{order}I", start, 4)
        if group in (0x0002, 0x0008) and element < 0x0100 and (start[4:6].isalpha() or length <= 64):
            return True
    return False


def slice_header(path: Path, data: pydicom.Dataset) -> SliceHeader:
    """Returns the fields of a header that are used here; what is wrong with them is in ``fault``."""
    fields, others = Fields(data), Fields(data)  # the latter may hold anything, and are not shown
    slope, intercept = fields.numbers("RescaleSlope", 1), fields.numbers("RescaleIntercept", 1)
    padding = others.numbers("PixelPaddingValue", 1)
    header = SliceHeader(
        path=path,
        series=_series(fields),
        modality=fields.code("Modality"),
        localizer="LOCALIZER" in [word.upper() for word in fields.words("ImageType")],
        frames=fields.whole("NumberOfFrames", 1),
        channels=fields.whole("SamplesPerPixel", 1),
        size_px=(fields.whole("Columns", 0), fields.whole("Rows", 0)),
        place=_place(fields),
        sop_class=fields.text("SOPClassUID"),
        photometric=fields.code("PhotometricInterpretation") or "MONOCHROME2",
        rescale=None if slope is None and intercept is None else ((slope or (1.0,))[0], (intercept or (0.0,))[0]),
        rescale_type=fields.text("RescaleType")[:LONGEST],
        padding=None if padding is None else padding[0] * (slope or (1.0,))[0] + (intercept or (0.0,))[0],
        context=hashlib.sha256("|".join(others.text(tag) for tag in _CONTEXT).encode()).hexdigest(),
        mixed=tuple(others.text(tag)[:LONGEST] for tag in MIXED),
        missing=tuple(tag for tag, count in _NUMBERS.items() if others.numbers(tag, count) is None),
    )
    return replace(header, fault=fields.fault or _fault(data, fields))


def _series(fields: Fields) -> str:
    """Returns by what files are grouped: their series, or a file of many frames alone unless it is a part of a whole."""
    uid = fields.text("SeriesInstanceUID")
    whole = fields.text("ConcatenationUID")
    if not whole and fields.whole("NumberOfFrames", 1) > 1:
        whole = fields.text("SOPInstanceUID")
    return hashlib.sha256(f"{uid}|{whole}".rstrip("|").encode()).hexdigest()[:8] if uid else ""


def _fault(data: pydicom.Dataset, fields: Fields) -> str | None:
    """Returns what makes values that can be read useless."""
    slope, intercept = fields.numbers("RescaleSlope", 1), fields.numbers("RescaleIntercept", 1)
    if "ModalityLUTSequence" in data:
        return "ModalityLUTSequence: values by a table, which is not read"
    if (slope is None) != (intercept is None):
        missing = "RescaleSlope" if slope is None else "RescaleIntercept"
        return f"{missing} is missing, and the other of the two is there"
    stored, high = fields.whole("BitsStored", 0), fields.whole("HighBit", 0)
    if "HighBit" in data and "BitsStored" in data and high != stored - 1:
        return f"HighBit {high} with BitsStored {stored}: values that are not at the low end of their bits"
    return "RescaleSlope is 0" if slope == (0.0,) else None


def _place(fields: Fields) -> tuple[float, ...] | None:
    position, orientation, pixel_mm = (fields.numbers(tag, count) for tag, count in _NUMBERS.items())
    if position is None or orientation is None or pixel_mm is None:
        return None
    if max(abs(coordinate) for coordinate in position) > FARTHEST_MM:
        fields.fault = fields.fault or f"ImagePositionPatient {position} lies further away than {FARTHEST_MM:g} mm"
        return None
    row_mm, column_mm = pixel_mm  # DICOM gives the distance between rows first; arrays here count columns first
    return (*position, *orientation, column_mm, row_mm)
