"""The slices of an enhanced DICOM file: frames in one file, each with a place, spacing, slope and intercept of its own.

They stand in functional groups (DICOM PS3.3 C.7.6.16): those of a frame go before those that all frames share, and these before
what the file says as a classic one does. The order of frames in the file says nothing.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pydicom

from orienteer.scans.dicom import NotASlice, SliceHeader, opened_header, slice_header
from orienteer.scans.dicom_fields import Fields

SHARED, OF_FRAMES = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

MOST_FRAMES = 20_000
"""More frames than any scan has; a header that promises more is damaged."""


class _Place(NamedTuple):
    """Where a functional group holds what a classic header holds under `tag`."""

    group: str
    field: str
    tag: str


_PLACES = (
    _Place("PlanePositionSequence", "ImagePositionPatient", "ImagePositionPatient"),
    _Place("PlaneOrientationSequence", "ImageOrientationPatient", "ImageOrientationPatient"),
    _Place("PixelMeasuresSequence", "PixelSpacing", "PixelSpacing"),
    _Place("PixelValueTransformationSequence", "RescaleSlope", "RescaleSlope"),
    _Place("PixelValueTransformationSequence", "RescaleIntercept", "RescaleIntercept"),
    _Place("PixelValueTransformationSequence", "RescaleType", "RescaleType"),
    _Place("MREchoSequence", "EffectiveEchoTime", "EchoTime"),
    _Place("CTReconstructionSequence", "ConvolutionKernel", "ConvolutionKernel"),
    _Place("FrameContentSequence", "FrameAcquisitionNumber", "AcquisitionNumber"),
)


def read_slice_headers(path: Path) -> tuple[SliceHeader, ...] | NotASlice:
    """Returns the headers of the slices that a DICOM file holds: of an enhanced file one per frame, otherwise one.

    A file of many frames without functional groups, such as a film of an angiography, has one header, and no place.

    Raises:
        OSError: the file cannot be opened.
    """
    data = opened_header(path, (SHARED, OF_FRAMES))
    if isinstance(data, NotASlice):
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as for all other headers
        try:
            whole = slice_header(path, data)
            if OF_FRAMES not in data:
                return (whole,)
            return _frames(path, data, whole)
        except Exception:  # it reads an element when it is asked for it
            return NotASlice("a DICOM file whose header is damaged", "broken")


def _frames(path: Path, data: pydicom.Dataset, whole: SliceHeader) -> tuple[SliceHeader, ...]:
    groups = list(data[OF_FRAMES].value)
    if len(groups) != whole.frames or len(groups) > MOST_FRAMES:
        fault = f"NumberOfFrames {whole.frames}, with functional groups of {len(groups)} frames"
        return (replace(whole, frames=1, fault=whole.fault or fault),)
    shared = list(data[SHARED].value)[:1] if SHARED in data else []
    return tuple(
        replace(slice_header(path, _as_classic(data, [*shared, group])), frames=1, frame=number)
        for number, group in enumerate(groups)
    )


def _as_classic(data: pydicom.Dataset, groups: list[pydicom.Dataset]) -> pydicom.Dataset:
    """Returns the header that a classic file of one frame would have."""
    classic = pydicom.Dataset()
    for element in list(data.keys()):  # an element itself would be parsed
        if element not in (pydicom.tag.Tag(SHARED), pydicom.tag.Tag(OF_FRAMES)):
            classic[element] = data.get_item(element)
    for group in groups:
        for place in _PLACES:
            items = list(group[place.group].value) if place.group in group else []
            if items and place.field in items[0]:
                _copy(items[0], place, classic)
    return classic


def _copy(item: pydicom.Dataset, place: _Place, classic: pydicom.Dataset) -> None:
    if place.field == place.tag:
        classic[pydicom.tag.Tag(place.tag)] = item.get_item(place.field)
    else:  # of another tag: texts that are compared and shown
        setattr(classic, place.tag, Fields(item).text(place.field)[:16])
