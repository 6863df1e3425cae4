"""The values of a DICOM series: every slice by its own slope and intercept, and never inverted for display.

GDCM, which reads the pixels, inverts MONOCHROME1 before it applies slope and intercept. PS3.3 C.7.6.3.1.2 means that
for the display alone: a CT gives HU by its slope and intercept either way. So it is given such slices as MONOCHROME2.
"""

import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from jaxtyping import Float32
from pydicom.dataset import Dataset

from orienteer.files import readable
from orienteer.scans.dicom import SliceHeader

INVERTED = "MONOCHROME1"

AS_STORED = (
    "MONOCHROME1 (low values shown white): the values are taken as stored, by slope and intercept, as pydicom does"
)
TURNED_ROUND = "MONOCHROME1 (low values shown white): the values are inverted, so that air is dark, as ITK does"


def read_slices(
    slices: tuple[SliceHeader, ...], modality: str | None
) -> tuple[Float32[np.ndarray, "slices rows columns"], tuple[str, ...]]:
    """Returns the values of slices in their order, and warnings.

    Args:
        slices: the slices of one stack.
        modality: the intensity rule. For CT the values are HU; for others dark air is wanted, so that values stored the
            other way round are inverted.
    """
    with ExitStack() as stack:
        paths = [item.path for item in slices]
        inverted = slices[0].photometric == INVERTED
        if inverted:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orienteer-")))
            paths = [_as_monochrome2(path, folder / f"{place}.dcm") for place, path in enumerate(paths)]
        reader = sitk.ImageSeriesReader()
        reader.SetImageIO("GDCMImageIO")
        # In float: the type of the first slice, which is the default, cuts the fractions of the others off.
        reader.SetOutputPixelType(sitk.sitkFloat32)
        reader.SetFileNames([readable(path) for path in paths])
        values = sitk.GetArrayFromImage(reader.Execute())
    notes = []
    if modality == "CT":
        units = sorted({item.rescale_type for item in slices} - {"", "HU", "US"})
        notes += [f"RescaleType {' and '.join(units)}: the values are taken as HU all the same"] if units else []
    if not inverted:
        return values, tuple(notes)
    if modality != "CT" and _bright_border(values):
        return values.max() + values.min() - values, (*notes, TURNED_ROUND)
    return values, (*notes, AS_STORED)


def _bright_border(values: Float32[np.ndarray, "slices rows columns"]) -> bool:
    """Returns whether the borders of the slices are brighter than what they enclose, as air is when stored inverted."""
    rows, columns = values.shape[1] // 8 + 1, values.shape[2] // 8 + 1
    border = np.ones(values.shape[1:], bool)
    border[rows:-rows, columns:-columns] = False
    if border.all():
        return False
    return bool(np.median(values[:, border]) > np.median(values[:, ~border]))


def _as_monochrome2(path: Path, copy: Path) -> Path:
    """Writes the pixels of a slice, and nothing about the patient, to a file that names them MONOCHROME2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path, force=True)
        pixels = Dataset()
        pixels.file_meta = data.file_meta
        for element in data.group_dataset(0x0028):
            pixels.add(element)
        pixels["PixelData"] = data["PixelData"]
        pixels.SOPClassUID, pixels.SOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
        pixels.PhotometricInterpretation = "MONOCHROME2"
        pixels.save_as(copy)
    return copy
