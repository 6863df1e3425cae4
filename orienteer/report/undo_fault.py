"""A prepared scan with a suspected fault of its header undone, and the same views of it."""

import numpy as np
from jaxtyping import Float32

from orienteer.report.faults import Fault, apply_fault
from orienteer.report.whole_scan import Starts, WholeScan
from orienteer.scans.body import body_map
from orienteer.scans.resample import onto_grid
from orienteer.scans.scan_grid import SAME_SPACING
from orienteer.scans.source import Scan
from orienteer.types import Triple, TripleMm


def undo_fault(scan: WholeScan, fault: Fault) -> WholeScan:
    """Returns the scan as it would have been prepared with the fault corrected.

    Mirrored and swapped axes are put back voxel by voxel; where the spacing changes, the scan is resampled to the
    spacing of the network.

    Args:
        scan: a prepared scan whose header may have the fault.
        fault: what to undo.
    """
    inverse = fault.inverse
    voxels = _corrected(scan.voxels, scan, inverse)
    body, inside = (
        _corrected(_by_voxel(blocks, scan), scan, inverse, voxels.shape) > 0.5
        for blocks in (scan.body.body >= 128, scan.body.inside)
    )
    blocks = body_map(body, inside, scan.body.cell_vox)
    return WholeScan(scan.key, scan.name, voxels, blocks, scan.spacing_mm, scan.origin_mm, scan.modality)


def moved_starts(starts: Starts, scan: WholeScan, fault: Fault, view_size: Triple) -> Starts | None:
    """Returns where the same views start once the fault is undone, or None where no view stays the same.

    With the same views before and after, the fault makes the only difference.
    """
    back = fault.orientation.inverse
    same = back.of_lengths(view_size) == view_size and back.of_lengths(scan.spacing_mm) == scan.spacing_mm
    if fault.spacing_factor != 1 or not same:
        return None
    from_other_end = np.array(scan.shape_vox) - starts - np.array(view_size)
    ends = [
        (starts if sign > 0 else from_other_end)[..., axis] for axis, sign in zip(back.axes, back.signs, strict=True)
    ]
    return np.stack(ends, axis=-1)


def _corrected(
    values: Float32[np.ndarray, "size0 size1 size2"], scan: WholeScan, inverse: Fault, shape: tuple[int, ...] = ()
) -> Float32[np.ndarray, "new0 new1 new2"]:
    """Returns an array on the grid of the scan with the fault undone, at the spacing of the scan.

    Args:
        values: on the grid of the scan as stated.
        scan: as stated.
        inverse: what undoes the fault.
        shape: of the new grid, if it is known. A constant array needs no interpolation then, and half a voxel is rounded to
            the same side for all arrays.
    """
    if shape and values.min() == values.max():
        return np.full(shape, values.flat[0], np.float32)
    as_stated = Scan("", values, scan.spacing_mm, scan.origin_mm, np.eye(3), scan.modality, "")
    return _regridded(apply_fault(as_stated, inverse), scan.spacing_mm)


def _by_voxel(blocks: np.ndarray, scan: WholeScan) -> Float32[np.ndarray, "size0 size1 size2"]:
    for axis, size in enumerate(scan.shape_vox):
        blocks = np.repeat(blocks, scan.body.cell_vox, axis=axis)
        blocks = np.take(blocks, np.arange(size), axis=axis)
    return blocks.astype(np.float32)


def _regridded(scan: Scan, spacing_mm: TripleMm) -> Float32[np.ndarray, "size0 size1 size2"]:
    if np.allclose(scan.spacing_mm, spacing_mm, rtol=SAME_SPACING, atol=0):
        return scan.voxels
    return onto_grid(scan, spacing_mm).voxels
