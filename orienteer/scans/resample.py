"""Resamples a scan to a grid along the body's axes with a given spacing, exact in mm."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from jaxtyping import Bool, Float32

from orienteer.scans.memory import check_size
from orienteer.scans.scan_grid import along_axes, grid_of, has_grid, inside_of, smoothed
from orienteer.scans.source import Scan
from orienteer.types import TripleMm


@dataclass(frozen=True)
class Gridded:
    """A scan whose axes are the body's.

    Attributes:
        voxels: ``[i, j, k]`` lies at ``origin_mm + (i, j, k) * spacing_mm``.
        inside: which voxels lie in the scanned field; None where that is all of them.
    """

    voxels: Float32[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm
    origin_mm: TripleMm
    inside: Bool[np.ndarray, "size0 size1 size2"] | None


def onto_grid(scan: Scan, spacing_mm: TripleMm) -> Gridded:
    """Returns the scan on a grid along the body's axes, linearly interpolated.

    The grid has the same centre as the scanned field and as many voxels as fit, so that for a scan along the axes the
    centre of every voxel lies in the field. The grid of an oblique scan covers the box around its field. Where the scan
    has the spacing and the axes already, its voxels are returned unchanged.

    Example:
        >>> voxels = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
        >>> scan = Scan("ramp", voxels, (1.0, 1.0, 2.0), (5.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
        >>> grid = onto_grid(scan, (1.0, 1.0, 1.0))
        >>> grid.voxels.shape, grid.origin_mm
        ((10, 10, 20), (5.0, 0.0, -0.5))
    """
    if has_grid(scan, spacing_mm):
        return Gridded(scan.voxels, spacing_mm, scan.origin_mm, None)
    shape_vox, origin_mm = grid_of(scan, spacing_mm)
    check_size(scan.name, shape_vox, step="resample")
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(shape_vox)
    resampler.SetOutputSpacing(spacing_mm)
    resampler.SetOutputOrigin(origin_mm)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(scan.voxels.min()))
    resampler.SetNumberOfThreads(1)  # preparing runs one scan per process
    resampled = resampler.Execute(_image(scan, spacing_mm))
    voxels = sitk.GetArrayFromImage(resampled).transpose(2, 1, 0)  # SimpleITK's arrays are in the order z, y, x
    inside = None if along_axes(scan) else inside_of(scan, shape_vox, spacing_mm, origin_mm)
    return Gridded(voxels, spacing_mm, origin_mm, inside)


def _image(scan: Scan, spacing_mm: TripleMm) -> sitk.Image:
    """Returns the scan, smoothed where the grid is coarser, as an image whose physical space is the body frame."""
    image = sitk.GetImageFromArray(smoothed(scan, spacing_mm).transpose(2, 1, 0))
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin(scan.origin_mm)
    image.SetDirection(scan.axes.reshape(-1).tolist())
    return image
