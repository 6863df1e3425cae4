"""Resamples a scan to a grid along the body's axes with a given spacing, exact in mm."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from jaxtyping import Bool, Float32
from scipy import ndimage

from orienteer.scans.memory import check_size
from orienteer.scans.source import Scan
from orienteer.types import Triple, TripleMm

COARSER = 1.5
"""From this ratio of new to old spacing on, the scan is smoothed first, against aliasing."""

SAME_SPACING = 1e-6
"""A share. Spacings that differ by less count as equal: over 1000 voxels of 1 mm that makes 0.001 mm."""

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian, in standard deviations."""


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
    along_axes = bool(np.array_equal(scan.axes, np.eye(3)))
    if along_axes and np.allclose(scan.spacing_mm, spacing_mm, rtol=SAME_SPACING, atol=0):
        return Gridded(scan.voxels, spacing_mm, scan.origin_mm, None)
    shape_vox, origin_mm = _grid(scan, spacing_mm)
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
    inside = None if along_axes else _inside(scan, shape_vox, spacing_mm, origin_mm)
    return Gridded(voxels, spacing_mm, origin_mm, inside)


def _grid(scan: Scan, spacing_mm: TripleMm) -> tuple[Triple, TripleMm]:
    """Returns shape and origin of the grid around the scanned field."""
    size = np.array(scan.voxels.shape)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * size - 0.5  # voxel indices
    corners_mm = scan.position_mm(corners)
    low, high = corners_mm.min(axis=0), corners_mm.max(axis=0)
    shape = np.maximum(1, np.rint((high - low) / spacing_mm)).astype(int)
    origin = (low + high) / 2 - (shape - 1) / 2 * np.array(spacing_mm)
    return (int(shape[0]), int(shape[1]), int(shape[2])), (float(origin[0]), float(origin[1]), float(origin[2]))


def _image(scan: Scan, spacing_mm: TripleMm) -> sitk.Image:
    """Returns the scan, smoothed where the grid is coarser, as an image whose physical space is the body frame."""
    image = sitk.GetImageFromArray(_smoothed(scan, spacing_mm).transpose(2, 1, 0))
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin(scan.origin_mm)
    image.SetDirection(scan.axes.reshape(-1).tolist())
    return image


def _smoothed(scan: Scan, spacing_mm: TripleMm) -> np.ndarray:
    """Returns the voxels blurred along each axis of the scan to the width of a new voxel.

    As in Cardoso et al., *Scale factor point spread function matching*, MICCAI 2015: squared widths at half
    maximum add up.
    """
    along = np.sqrt(((scan.axes * np.array(spacing_mm)[:, None]) ** 2).sum(axis=0))  # new spacing along the scan's axes
    voxels = scan.voxels
    for axis, (new, old) in enumerate(zip(along, scan.spacing_mm, strict=True)):
        if new > COARSER * old:
            sigma_vox = float(np.sqrt(new**2 - old**2) / FWHM / old)
            voxels = ndimage.gaussian_filter1d(voxels, sigma_vox, axis=axis, mode="nearest", truncate=3.0)
    return voxels


def _inside(
    scan: Scan, shape_vox: Triple, spacing_mm: TripleMm, origin_mm: TripleMm
) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns which voxel centres of the grid lie within the outer edges of the scan's voxels."""
    to_voxel = np.linalg.inv(scan.axes * np.array(scan.spacing_mm))  # mm from the origin -> voxel index
    steps = to_voxel * np.array(spacing_mm)
    first = to_voxel @ (np.array(origin_mm) - np.array(scan.origin_mm))
    grid0, grid1, grid2 = (np.arange(size, dtype=np.float64) for size in shape_vox)
    inside = np.ones(shape_vox, bool)
    for index in grid0.astype(int):  # slice by slice, to need the memory of one slice
        for axis, size in enumerate(scan.voxels.shape):
            at = first[axis] + steps[axis, 0] * index + np.add.outer(steps[axis, 1] * grid1, steps[axis, 2] * grid2)
            inside[index] &= (at >= -0.5) & (at <= size - 0.5)
    return inside
