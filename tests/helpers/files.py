"""Small test scans: images of any geometry through SimpleITK, DICOM series of invented patients with pydicom."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource
from orienteer.types import Triple, TripleMm

PATIENT = "Nobody^Invented"
"""The patient of every DICOM file written here. It must never appear in a name or a message."""

FORMAT_OF = {
    ".nii": "NIfTI",
    ".nii.gz": "NIfTI",
    ".hdr": "NIfTI",
    ".hdr.gz": "NIfTI",
    ".nrrd": "NRRD",
    ".nhdr": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
}


def turned(angles_deg: tuple[float, float, float], order: Triple = (0, 1, 2), signs: Triple = (1, 1, 1)) -> np.ndarray:
    """Returns directions: axes permuted and reversed, then rotated about x, y and z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(angles_deg)):
        first, second = [other for other in range(3) if other != axis]
        step = np.eye(3)
        step[first, first] = step[second, second] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return turn @ np.eye(3)[:, list(order)] * np.asarray(signs, dtype=float)


def noise(shape: Triple = (7, 6, 5), seed: int = 0, dtype: type = np.int16) -> np.ndarray:
    """Returns random values of 0 to 999 in the file's axis order."""
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(dtype)


def label_map(shape=(20, 20, 20), dtype=np.uint8) -> np.ndarray:
    values = np.zeros(shape, dtype)
    values[4:12, 4:16, 3:15] = 1
    values[12:17, 4:16, 3:15] = 2
    return values


def image_of(
    values: np.ndarray,
    spacing: TripleMm = (1.0, 2.0, 3.0),
    origin: TripleMm = (5.0, -6.0, 7.0),
    direction: np.ndarray | None = None,
) -> sitk.Image:
    """Returns an image from values in the file's axis order (x, y, z)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose()))
    image.SetSpacing([float(step) for step in spacing])
    image.SetOrigin([float(place) for place in origin])
    if direction is not None:
        image.SetDirection(direction.ravel().tolist())
    return image


def write(path: Path, values: np.ndarray, **geometry: Any) -> ScanSource:
    """Writes values in the format of the file's ending, and returns the source to read them back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image_of(values, **geometry), str(path))
    return source_of(path)


def source_of(path: Path, frame: int | None = None) -> ScanSource:
    """Returns the source of a file, its format by the ending of its name."""
    suffix = next(suffix for suffix in sorted(FORMAT_OF, key=len, reverse=True) if path.name.endswith(suffix))
    return ScanSource(path.name, FORMAT_OF[suffix], (path,), frame)


def only_scan(folder) -> ScanSource:
    (source,) = discover(folder, progress=False).sources
    return source


def write_dicom(
    folder: Path,
    values: np.ndarray,
    spacing: TripleMm = (1.0, 2.0, 3.0),
    origin: TripleMm = (5.0, -6.0, 7.0),
    direction: np.ndarray | None = None,
    series: str = "1.2.3.4",
    modality: str = "CT",
    heights_mm: list[float] | None = None,
    **extra: Any,
) -> list[Path]:
    """Writes one file a slice, stored as HU + 1024, and returns the paths in slice order.

    File names are in another order than the slices. ``heights_mm`` places slices elsewhere than at multiples of the
    spacing; ``extra`` sets further DICOM attributes on every slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    direction = np.eye(3) if direction is None else direction
    names = np.random.default_rng(3).permutation(values.shape[2])
    paths = []
    for index, place in enumerate(_places(values.shape[2], spacing, origin, direction, heights_mm)):
        data = _slice(values[:, :, index], spacing, direction, series, modality, index)
        _set_all(data, {"ImagePositionPatient": place, **extra})
        paths.append(folder / f"{series}_{names[index]:03d}")
        data.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_enhanced(
    path: Path,
    values: np.ndarray,
    spacing: TripleMm = (1.0, 2.0, 3.0),
    origin: TripleMm = (5.0, -6.0, 7.0),
    direction: np.ndarray | None = None,
    order: Sequence[int] | None = None,
    rescales: Sequence[tuple[float, float]] | None = None,
    heights_mm: Sequence[float] | None = None,
    shared: bool = True,
    modality: str = "CT",
    series: str = "1.2.3.4",
    **extra: Any,
) -> Path:
    """Writes one enhanced file, a frame for each slice, stored as values + 1024.

    Args:
        order: which slice each frame is; by default another order than that of the slices.
        rescales: slope and intercept of each slice, in functional groups of its frame.
        shared: whether direction and spacing stand in the groups that all frames share, or in those of each.
        **extra: further DICOM attributes of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    direction = np.eye(3) if direction is None else direction
    slices = values.shape[2]
    places = _places(slices, spacing, origin, direction, heights_mm)
    order = list(np.random.default_rng(4).permutation(slices)) if order is None else list(order)
    data = _slice(values[:, :, 0], spacing, direction, series, modality, 0)
    for tag in ("ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope", "RescaleIntercept"):
        del data[tag]
    data.SOPClassUID = EnhancedMRImageStorage if modality == "MR" else EnhancedCTImageStorage
    data.SOPInstanceUID = f"{series}.{int.from_bytes(path.name.encode()) % 10**20}"
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.NumberOfFrames = len(order)
    _set_all(data, extra)
    measures = {"PixelSpacing": [spacing[1], spacing[0]], "SliceThickness": spacing[2]}
    turn = {"ImageOrientationPatient": [f"{part:.10g}" for part in direction[:, :2].T.ravel()]}
    common = {"PixelMeasuresSequence": measures, "PlaneOrientationSequence": turn}
    data.SharedFunctionalGroupsSequence = [_groups(common if shared else {})]
    frames = []
    for index in order:
        slope, intercept = (1, -1024) if rescales is None else rescales[index]
        value = {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "HU"}
        of_frame = {
            "PlanePositionSequence": {"ImagePositionPatient": places[index]},
            "PixelValueTransformationSequence": value,
        }
        frames.append(_groups(of_frame if shared else common | of_frame))
    data.PerFrameFunctionalGroupsSequence = frames
    stored = values[:, :, order].transpose(2, 1, 0).astype(np.int32) + 1024
    data.PixelData = stored.astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def _places(
    slices: int, spacing: TripleMm, origin: TripleMm, direction: np.ndarray, heights_mm: Sequence[float] | None
) -> list[list[str]]:
    """Returns where each slice begins, as DICOM writes it."""
    heights = [index * spacing[2] for index in range(slices)] if heights_mm is None else heights_mm
    return [[f"{part:.8g}" for part in np.asarray(origin) + direction[:, 2] * height] for height in heights]


def _set_all(data: Dataset, values: Mapping[str, Any]) -> None:
    for tag, value in values.items():
        setattr(data, tag, value)


def _groups(groups: dict[str, dict[str, Any]]) -> Dataset:
    """Returns an item of functional groups, each a sequence of one item."""
    item = Dataset()
    for name, fields in groups.items():
        group = Dataset()
        _set_all(group, fields)
        setattr(item, name, [group])
    return item


def _slice(
    values: np.ndarray, spacing: TripleMm, direction: np.ndarray, series: str, modality: str, index: int
) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = MRImageStorage if modality == "MR" else CTImageStorage
    data.SOPInstanceUID = f"{series}.{index + 1}"
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.PatientName, data.PatientID = PATIENT, "made-up-id"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", series
    data.Modality, data.ImageType = modality, ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImageOrientationPatient = [f"{part:.10g}" for part in direction[:, :2].T.ravel()]
    data.PixelSpacing = [spacing[1], spacing[0]]
    data.SliceThickness = spacing[2]
    data.Columns, data.Rows = values.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleIntercept, data.RescaleSlope = -1024, 1
    data.PixelData = (values.T.astype(np.int32) + 1024).astype("<u2").tobytes()
    return data
