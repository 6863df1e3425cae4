"""A whole prepared scan in memory, and the same scan with a suspected fault of its header undone."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from orienteer.report.spoil import Fault, spoiled
from orienteer.scans.body import BodyMap, body_map
from orienteer.scans.resample import SAME_SPACING, onto_grid
from orienteer.scans.source import Scan
from orienteer.scans.store import Store
from orienteer.types import Triple, TripleMm
from orienteer.views.batch import ViewBatch
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import centre_mm
from orienteer.views.sample import draw_starts

Starts = Int64[np.ndarray, "sets views 3"]
"""First voxels of the views of several sets."""


@dataclass(frozen=True)
class WholeScan:
    """A prepared scan as the store has it, with all its voxels.

    Attributes:
        key: its key in the store it came from.
        name: how a person knows it.
        voxels: normalised to [-1, 1].
        body: where the body is, in blocks.
        spacing_mm: voxel size.
        origin_mm: body-frame place of the middle of voxel 0.
        modality: ``CT`` or ``MR``.
    """

    key: str
    name: str
    voxels: Float32[np.ndarray, "size0 size1 size2"]
    body: BodyMap
    spacing_mm: TripleMm
    origin_mm: TripleMm
    modality: str

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""
        size0, size1, size2 = self.voxels.shape
        return size0, size1, size2


def read_whole(store: Store, key: str) -> WholeScan:
    """Returns all of a prepared scan.

    Raises:
        InputError: the store has no such scan, or its array is damaged.
    """
    entry = store.scan(key)
    voxels = store.read(key, (0, 0, 0), entry.shape_vox)
    body = store.body(key)
    return WholeScan(key, entry.name, voxels, body, entry.spacing_mm, entry.origin_mm, entry.modality)


def undone(scan: WholeScan, fault: Fault) -> WholeScan:
    """Returns the scan as it would be if its header had the fault and somebody had mended it.

    Mirrored and swapped axes are put back voxel by voxel; where the spacing changes, the scan is resampled to the
    spacing that the network knows.

    Args:
        scan: a prepared scan.
        fault: what to undo.
    """
    back = Fault(fault.mirrored, fault.swapped, 1 / fault.spacing_factor)
    claimed = Scan("", scan.voxels, scan.spacing_mm, scan.origin_mm, np.eye(3), scan.modality, "")
    voxels = _regridded(spoiled(claimed, back), scan.spacing_mm)
    masks = []
    for blocks in (scan.body.body >= 128, scan.body.inside):
        mask = Scan("", _by_voxel(blocks, scan), scan.spacing_mm, scan.origin_mm, np.eye(3), scan.modality, "")
        masks.append(_regridded(spoiled(mask, back), scan.spacing_mm) > 0.5)
    body = body_map(masks[0], masks[1], scan.body.cell_vox)
    return WholeScan(scan.key, scan.name, voxels, body, scan.spacing_mm, scan.origin_mm, scan.modality)


def draw_sets(scan: WholeScan, policy: ViewPolicy, sets: int) -> Starts:
    """Returns the first voxels of ``sets`` view sets; they depend on the scan's key alone.

    Raises:
        ScanError: with step ``fit``, when the scan cannot hold such views.
    """
    drawn = []
    for number in range(sets):
        digest = hashlib.sha256(f"{scan.key}/observe/{number}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
        drawn.append(draw_starts(rng, scan.shape_vox, scan.body, policy, scan.spacing_mm, scan.name))
    return np.stack(drawn)


def moved_starts(starts: Starts, scan: WholeScan, fault: Fault, view_size: Triple) -> Starts | None:
    """Returns where the same views begin after the fault is undone, or None where no view stays what it was.

    The same views, compared before and after, leave only the fault to make a difference.
    """
    if fault.spacing_factor != 1:
        return None
    shape, moved = list(scan.shape_vox), starts.copy()
    for axis in fault.mirrored:
        moved[..., axis] = shape[axis] - starts[..., axis] - view_size[axis]
    if fault.swapped is not None:
        first, second = fault.swapped
        if view_size[first] != view_size[second] or scan.spacing_mm[first] != scan.spacing_mm[second]:
            return None
        moved[..., [first, second]] = moved[..., [second, first]]
    return moved


def cut(scan: WholeScan, starts: Starts, view_size: Triple) -> ViewBatch:
    """Returns the views that begin at ``starts``, one batch item per set."""
    boxes = [
        scan.voxels[tuple(slice(int(low), int(low) + size) for low, size in zip(start, view_size, strict=True))]
        for start in starts.reshape(-1, 3)
    ]
    images = torch.from_numpy(np.stack(boxes)).reshape(*starts.shape[:2], 1, *view_size)
    centres = torch.from_numpy(centre_mm(scan, starts, view_size).astype(np.float32))
    return ViewBatch(images, centres, (scan.key,) * len(starts), scan.spacing_mm)


def _by_voxel(blocks: np.ndarray, scan: WholeScan) -> Float32[np.ndarray, "size0 size1 size2"]:
    for axis, size in enumerate(scan.shape_vox):
        blocks = np.repeat(blocks, scan.body.cell_vox, axis=axis)
        blocks = np.take(blocks, np.arange(size), axis=axis)
    return blocks.astype(np.float32)


def _regridded(scan: Scan, spacing_mm: TripleMm) -> Float32[np.ndarray, "size0 size1 size2"]:
    if np.allclose(scan.spacing_mm, spacing_mm, rtol=SAME_SPACING, atol=0):
        return scan.voxels
    if scan.voxels.min() == scan.voxels.max():  # nothing to interpolate: the scanned field is all of it
        shape = np.maximum(1, np.rint(np.array(scan.voxels.shape) * scan.spacing_mm / np.array(spacing_mm))).astype(int)
        return np.full(shape, scan.voxels.flat[0], np.float32)
    return onto_grid(scan, spacing_mm).voxels
