"""The values of a DICOM series: every slice by its own slope and intercept, and never inverted for display.

GDCM, which reads the pixels, inverts MONOCHROME1 before it applies slope and intercept. PS3.3 C.7.6.3.1.2 means that
for the display alone: a CT gives HU by its slope and intercept either way. So it is given such slices as MONOCHROME2.
"""

import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from jaxtyping import Float32
from pydicom.dataset import Dataset
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from orienteer.files import readable
from orienteer.scans.dicom import SliceHeader
from orienteer.scans.memory import bounded_reading
from orienteer.scans.refuse import refuse

INVERTED = "MONOCHROME1"
_OF_VALUES = ("RescaleSlope", "RescaleIntercept", "RescaleType")
UNDEFINED_LENGTH = 0xFFFFFFFF
"""The length of compressed pixels, which come in pieces."""

AS_STORED = (
    "MONOCHROME1 (low values shown white): the values are taken as stored, by slope and intercept, as pydicom does"
)
TURNED_ROUND = "MONOCHROME1 (low values shown white): the values are inverted, so that air is dark, as ITK does"


FEW = 0.005
"""Share of voxels with the value of padding that may be tissue by chance."""

CLEARLY = 0.1
"""Share of the range of values by which one region must be brighter than another to count as such."""

LEAST_SHARE = 1e-4
"""Compressed pixels smaller than this share of the plain ones are a damaged header. Empty JPEG 2000 slices take 5e-4."""


def check_pixels(name: str, slices: tuple[SliceHeader, ...]) -> None:
    """Refuses slices without all their pixels. GDCM asks for any memory that a damaged length or size claims.

    Raises:
        ScanError: naming the first such slice.
    """
    frames = Counter(item.path for item in slices)
    for item in {item.path: item for item in slices}.values():
        size = item.path.stat().st_size
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = pydicom.dcmread(
                    item.path, defer_size=256, specific_tags=["PixelData", "BitsAllocated"], force=True
                )
                pixels = data.get_item("PixelData", keep_deferred=True) if "PixelData" in data else None
                needed = (
                    frames[item.path] * item.size_px[0] * item.size_px[1] * int(data.get("BitsAllocated") or 16) // 8
                )
                compressed = pixels is not None and getattr(pixels, "length", 0) == UNDEFINED_LENGTH
        except Exception as error:  # pydicom raises errors of many kinds for damaged files, OSError among them
            if isinstance(error, OSError) and error.errno is not None:
                raise
            refuse(name, "a whole DICOM file", f"{item.path.name} with a damaged header", "copy the series again")
        if pixels is None:
            refuse(name, "a whole DICOM file", f"{item.path.name} without pixels", "copy the series again")
        held = size if compressed else min(getattr(pixels, "length", size), size)
        if held < needed * (LEAST_SHARE if compressed else 1):
            got = f"{item.path.name} with {held} bytes for {needed} bytes of pixels"
            refuse(name, "a whole DICOM file", got, "copy the series again")


def read_slices(
    name: str, slices: tuple[SliceHeader, ...], modality: str | None
) -> tuple[Float32[np.ndarray, "slices rows columns"], tuple[str, ...]]:
    """Returns the values of slices in their order, and warnings.

    Args:
        name: of the scan, for messages.
        slices: the slices of one stack.
        modality: the intensity rule. For CT the values are HU; for others dark air is wanted, so that values stored the
            other way round are inverted.
    """
    check_pixels(name, slices)
    with ExitStack() as stack:
        paths = list(dict.fromkeys(item.path for item in slices))
        inverted, enhanced = slices[0].photometric == INVERTED, any(item.frame is not None for item in slices)
        if inverted or enhanced:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orienteer-")))
            copies = {path: _as_stored(path, folder / f"{place}.dcm", enhanced) for place, path in enumerate(paths)}
        else:
            copies = {path: path for path in paths}
        with bounded_reading((*slices[0].size_px, len(slices)), paths):
            values = _frames(slices, copies) if enhanced else _series(list(copies.values()))
    notes = []
    if modality == "CT":
        units = sorted({item.rescale_type for item in slices} - {"", "HU", "US"})
        notes += [f"RescaleType {' and '.join(units)}: the values are taken as HU all the same"] if units else []
    notes += _bright_padding(slices, values)
    if not inverted:
        return values, tuple(notes)
    if modality != "CT" and _bright_border(values):
        return values.max() + values.min() - values, (*notes, TURNED_ROUND)
    return values, (*notes, AS_STORED)


def _bright_padding(slices: tuple[SliceHeader, ...], values: np.ndarray) -> list[str]:
    """Returns a note where pixels outside the scanned field are brighter than most inside. No reader replaces them."""
    padding = slices[0].padding
    if padding is None or padding <= np.median(values):
        return []
    share = float(np.mean(values == padding))
    return (
        [f"PixelPaddingValue: {share:.1%} of the voxels are padding at {padding:g}, bright, as stored"]
        if share > FEW
        else []
    )


def _bright_border(values: Float32[np.ndarray, "slices rows columns"]) -> bool:
    """Returns whether the borders of the slices are clearly brighter than the rest, as air is when stored inverted."""
    rows, columns = values.shape[1] // 8 + 1, values.shape[2] // 8 + 1
    border = np.ones(values.shape[1:], bool)
    border[rows:-rows, columns:-columns] = False
    if border.all():
        return False
    low, high = np.percentile(values, (1, 99))
    return bool(np.median(values[:, border]) - np.median(values[:, ~border]) > CLEARLY * (high - low))


def _series(paths: Sequence[Path]) -> Float32[np.ndarray, "slices rows columns"]:
    """Returns the values of classic slices, one a file, by their own slopes and intercepts."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    # In float: the type of the first slice, which is the default, cuts the fractions of the others off.
    reader.SetOutputPixelType(sitk.sitkFloat32)
    reader.SetFileNames([readable(path) for path in paths])
    return np.asarray(sitk.GetArrayFromImage(reader.Execute()))


def _frames(slices: Sequence[SliceHeader], copies: Mapping[Path, Path]) -> Float32[np.ndarray, "slices rows columns"]:
    """Returns the values of frames of enhanced files, by their own slopes and intercepts.

    Args:
        slices: in the order wanted.
        copies: files with the values as they are stored, by the file that they are of.
    """
    columns, rows = slices[0].size_px
    values = np.empty((len(slices), rows, columns), dtype=np.float32)
    for path, copy in copies.items():
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(readable(copy))
        stored = sitk.GetArrayFromImage(reader.Execute()).reshape(-1, rows, columns)
        for place, item in enumerate(slices):
            if item.path == path:
                slope, intercept = item.rescale or (1.0, 0.0)
                values[place] = stored[item.frame or 0] * slope + intercept
    return values


def _as_stored(path: Path, copy: Path, enhanced: bool) -> Path:
    """Writes the pixels of a file, and nothing about the patient, to one that names them MONOCHROME2.

    Args:
        enhanced: whether the file holds frames with slopes and intercepts of their own, which the copy then lacks.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path, force=True)
        pixels = Dataset()
        pixels.file_meta = data.file_meta
        for element in data.group_dataset(0x0028):
            if not (enhanced and element.keyword in _OF_VALUES):
                pixels.add(element)
        pixels["PixelData"] = data["PixelData"]
        for tag in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if tag in data:
                pixels[tag] = data[tag]
        pixels.SOPClassUID, pixels.SOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
        if enhanced:  # else GDCM looks for functional groups
            pixels.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
            pixels.file_meta.MediaStorageSOPClassUID = pixels.SOPClassUID
        pixels.PhotometricInterpretation = "MONOCHROME2"
        pixels.save_as(copy)
    return copy
