"""The grid along the body's axes that holds a scan, the scan smoothed for it, and which of its voxels lie in the scan.

Only numpy and scipy: exported bundles carry this file, for programs that resample with other libraries.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from orienteer.scans.source import Scan
from orienteer.types import Triple, TripleMm

COARSER = 1.5
"""From this ratio of new to old spacing on, the scan is smoothed first, against aliasing."""

SAME_SPACING = 1e-6
"""A share. Spacings that differ by less count as equal: over 1000 voxels of 1 mm that makes 0.001 mm."""

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian, in standard deviations."""


def along_axes(scan: Scan) -> bool:
    """Returns whether a scan's axes are those of the body."""
    return bool(np.array_equal(scan.axes, np.eye(3)))


def has_grid(scan: Scan, spacing_mm: TripleMm) -> bool:
    """Returns whether a scan has the spacing and the axes already."""
    return along_axes(scan) and np.allclose(scan.spacing_mm, spacing_mm, rtol=SAME_SPACING, atol=0)


def grid_of(scan: Scan, spacing_mm: TripleMm) -> tuple[Triple, TripleMm]:
    """Returns shape and origin, mm in the body frame, of the grid around the scanned field."""
    size = np.array(scan.voxels.shape)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * size - 0.5  # voxel indices
    corners_mm = scan.position_mm(corners)
    low, high = corners_mm.min(axis=0), corners_mm.max(axis=0)
    shape = np.maximum(1, np.rint((high - low) / spacing_mm)).astype(int)
    origin = (low + high) / 2 - (shape - 1) / 2 * np.array(spacing_mm)
    return (int(shape[0]), int(shape[1]), int(shape[2])), (float(origin[0]), float(origin[1]), float(origin[2]))


def smoothed(scan: Scan, spacing_mm: TripleMm) -> np.ndarray:
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


def inside_of(
    scan: Scan, shape_vox: Triple, spacing_mm: TripleMm, origin_mm: TripleMm
) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns which voxel centres of the grid lie within the outer edges of the scan's voxels."""
    to_voxel = np.linalg.inv(scan.axes * np.array(scan.spacing_mm))  # mm from the origin -> voxel index
    steps = to_voxel * np.array(spacing_mm)
    first = to_voxel @ (np.array(origin_mm) - np.array(scan.origin_mm))
    size0, size1, size2 = scan.voxels.shape
    return within(first, steps, (size0, size1, size2), shape_vox)


def within(
    first: Float[np.ndarray, "3"], steps: Float[np.ndarray, "3 3"], sizes: Triple, shape_vox: Triple
) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns which voxel centres of one grid lie within the outer edges of another one.

    Args:
        first: the other grid's index of voxel 0.
        steps: column a is the step in the other grid's index along axis a.
        sizes: of the other grid.
        shape_vox: of the grid.
    """
    grid0, grid1, grid2 = (np.arange(size, dtype=np.float64) for size in shape_vox)
    inside = np.ones(shape_vox, bool)
    for index in grid0.astype(int):  # slice by slice, to need the memory of one slice
        for axis, size in enumerate(sizes):
            at = first[axis] + steps[axis, 0] * index + np.add.outer(steps[axis, 1] * grid1, steps[axis, 2] * grid2)
            inside[index] &= (at >= -0.5) & (at <= size - 0.5)
    return inside
