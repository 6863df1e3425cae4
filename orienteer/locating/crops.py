"""Crops of scans around found places, on the scan's own voxels: no value is resampled, and the crop lies where it lay."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float64

from orienteer.files import replacing
from orienteer.scans.orient import LPS_TO_RAS
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection

INT16 = (-32768, 32767)


def crop_scan(
    source: ScanSource, selection: Selection, box_mm: Float64[np.ndarray, "2 3"], margin_mm: float
) -> sitk.Image | None:
    """Returns the part of a scan that holds a box, with its geometry; None where the box lies outside the scan.

    The axes are those of the scan, in the order closest to the body's (RAS), which for most scans is their own.

    Args:
        source: the scan's file or series.
        selection: frame and modality.
        box_mm: low and high corner in the body frame.
        margin_mm: added on all sides, as far as the scan reaches.

    Raises:
        ScanError: the scan cannot be read.
    """
    scan = read_scan(source, selection)
    low, high = _voxel_range(scan, np.stack([box_mm[0] - margin_mm, box_mm[1] + margin_mm]))
    if (low >= high).any():
        return None
    part = scan.voxels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    whole = bool((part == np.rint(part)).all()) and part.min() >= INT16[0] and part.max() <= INT16[1]
    image = sitk.GetImageFromArray((part.astype(np.int16) if whole else part).transpose(2, 1, 0))
    origin = np.array(scan.origin_mm) + scan.axes @ (low * np.array(scan.spacing_mm))
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin((LPS_TO_RAS @ origin).tolist())
    image.SetDirection((LPS_TO_RAS @ scan.axes).reshape(-1).tolist())
    return image


def write_image(path: Path, image: sitk.Image) -> None:
    """Writes an image (.nii.gz), whole or not at all."""
    with replacing(path, suffix=".nii.gz") as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)


def _voxel_range(scan: Scan, box_mm: Float64[np.ndarray, "2 3"]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first voxel and the one after the last of the smallest part that holds a box, within the scan."""
    corners = np.array([[box_mm[i][0], box_mm[j][1], box_mm[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    voxels = (corners - np.array(scan.origin_mm)) @ np.linalg.inv(scan.axes).T / np.array(scan.spacing_mm)
    low = np.floor(voxels.min(0) + 0.5).astype(int)
    high = np.ceil(voxels.max(0) - 0.5).astype(int) + 1
    return np.maximum(low, 0), np.minimum(high, scan.voxels.shape)
