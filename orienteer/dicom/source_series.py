"""The DICOM series that a result belongs to: the headers of its slices, and whether results can refer to them.

Patient, study and frame of reference of a result are those of its series, because the standard requires that. They are read
here for this one purpose and written nowhere else.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydicom

from orienteer.errors import InputError, ScanError
from orienteer.extras import require_packages
from orienteer.scans.read import series_stack
from orienteer.scans.source import DICOM, ScanSource

REFERRED_TO = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "SOPClassUID")
"""What a result refers to its scan by. The first three are the same in all slices."""

MAY_BE_EMPTY = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime",
                "AccessionNumber", "ReferringPhysicianName")  # fmt: skip
"""What a result copies, and may leave empty (type 2 in PS3.3). Series that were made anonymous often lack them."""


@dataclass(frozen=True)
class SourceSeries:
    """The series of a scan.

    Attributes:
        headers: of its files without their pixels, in the order of the slices; a single one for an enhanced file.
        slices: for each frame of an enhanced file the number of its slice in the scan; None for a file a slice.
        shape: slices, rows, columns.
    """

    headers: tuple[pydicom.Dataset, ...]
    slices: tuple[int, ...] | None
    shape: tuple[int, int, int] = (0, 0, 0)

    @property
    def frame_of_reference(self) -> str:
        """The identifier of the coordinates."""
        return str(self.headers[0].FrameOfReferenceUID)

    def in_file_order(self, values: np.ndarray) -> np.ndarray:
        """Returns slices in the order of the headers, or of the frames of the one file.

        Args:
            values: in the scan's file order, slices first.
        """
        return values if self.slices is None else values[list(self.slices)]


def check_dicom_output(option: str, sources: Sequence[ScanSource]) -> None:
    """Checks before any work that results can be written as DICOM.

    Args:
        option: that asks for them, for the message.
        sources: the scans.

    Raises:
        InputError: a scan that is no DICOM series, or highdicom is not installed.
    """
    others = [source for source in sources if source.format != DICOM]
    if others:
        got = f"{len(others)} of {len(sources)} in other formats, the first {others[0].name} ({others[0].format})"
        do = f"give the folder of the DICOM series alone, or omit --{option.replace('_', '-')}"
        raise InputError(option, wanted="scans that are DICOM series", got=got, do=do)
    require_packages(option, ["highdicom"], extra="dicom")


def read_series(source: ScanSource) -> SourceSeries:
    """Returns the series of a scan.

    Raises:
        ScanError: it cannot be read, lacks identifiers, or is spread over several enhanced files.
    """
    stack = series_stack(source)
    files = list(dict.fromkeys(stack.files))
    if stack.slices[0].frame is not None and len(files) > 1:
        got = f"an enhanced one in {len(files)} files"
        raise _unusable(source, "a series of one file a slice, or in one file", got, "export it as a single file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about unusual tags; those that count are checked below
        headers = tuple(pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in files)
    _check_identifiers(source, headers)
    for header in headers:
        for tag in MAY_BE_EMPTY:
            if tag not in header:
                setattr(header, tag, None)
    numbers = [item.frame for item in stack.slices]
    if numbers[0] is None:
        _fill_thickness(headers)
    slices = None if numbers[0] is None else tuple(int(place) for place in np.argsort(np.array(numbers, np.int64)))
    columns, rows, count = stack.shape_vox
    return SourceSeries(headers, slices, (count, rows, columns))


def _check_identifiers(source: ScanSource, headers: Sequence[pydicom.Dataset]) -> None:
    """Refuses a series that a result cannot refer to, naming all identifiers that it lacks."""
    values = {tag: [str(header.get(tag) or "") for header in headers] for tag in REFERRED_TO}
    lacking = {tag: of_tag.count("") for tag, of_tag in values.items() if "" in of_tag}
    if lacking:
        wanted, got = f"{', '.join(lacking)} in every slice", f"none in {max(lacking.values())} of {len(headers)} files"
        raise _unusable(source, f"{wanted}, by which a result refers to them", got, _AGAIN)
    for tag in REFERRED_TO[:3]:
        if len(set(values[tag])) > 1:
            raise _unusable(source, f"one {tag} in all slices", f"{len(set(values[tag]))} of them", _AGAIN)
    if len(set(values["SOPInstanceUID"])) < len(headers):
        raise _unusable(source, "another SOPInstanceUID in each slice", "one that several slices share", _AGAIN)


def _fill_thickness(headers: Sequence[pydicom.Dataset]) -> None:
    """Sets SliceThickness, which a CT or MR may leave empty and a result must have, to the distance of the slices."""
    positions = np.array([[float(number) for number in header.ImagePositionPatient] for header in headers])
    apart_mm = float(np.linalg.norm(np.diff(positions, axis=0), axis=1).mean()) if len(headers) > 1 else 1.0
    for header in headers:
        if not header.get("SliceThickness"):
            header.SliceThickness = f"{apart_mm:.6g}"


_AGAIN = "export the series again with its identifiers, or omit the DICOM output"


def _unusable(source: ScanSource, wanted: str, got: str, do: str) -> ScanError:
    return ScanError(source.name, step="write", wanted=wanted, got=got, do=do)
