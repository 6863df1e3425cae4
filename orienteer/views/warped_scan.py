"""A scan under a warp: drawn from and read like any scan, its voxels interpolated where the warp takes them from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from orienteer.types import Triple, TripleMm
from orienteer.views.body import Body
from orienteer.views.warp import Warp

MOST_BLOCKS = 32
"""Blocks along the longest axis of a warped scan: they are made anew for every set of views."""

MOST_OUTSIDE = 0.15
"""Share of the edge of a view by which its corners may lie outside of the scan."""

ReadBox = Callable[[Triple, Triple], np.ndarray]
"""Reads a box of the scan's voxels, given its first voxel and its size."""


@dataclass(frozen=True)
class Lattice:
    """The voxels of a scan that is not warped.

    Attributes:
        name: of the scan.
        shape_vox: size in voxels.
        spacing_mm: voxel size in mm.
        origin_mm: centre of voxel 0 in mm.
    """

    name: str
    shape_vox: Triple
    spacing_mm: TripleMm
    origin_mm: TripleMm


@dataclass(frozen=True)
class WarpedScan:
    """A scan under a warp, with voxels of the same size.

    It satisfies `orienteer.views.body.Body`. Of a scan with blocks outside of the scanned field, a block is inside if all its
    corners show points of the field; of any other scan all are, and `fits` says where views may lie.

    Attributes:
        scan: the voxels of the scan itself.
        warp: from the warped body to the scan.
        shape_vox: size of the warped scan, which encloses all that the scan shows.
        origin_mm: centre of its voxel 0 in the warped body.
        body: share of each block that is body, taken at its centre.
        inside: whether views may touch the block.
        cell_vox: edge of a block in voxels.
    """

    scan: Lattice
    warp: Warp
    shape_vox: Triple
    origin_mm: TripleMm
    body: UInt8[np.ndarray, "blocks0 blocks1 blocks2"]
    inside: Bool[np.ndarray, "blocks0 blocks1 blocks2"]
    cell_vox: int

    @property
    def name(self) -> str:
        """The scan's name in messages."""
        return self.scan.name

    @property
    def spacing_mm(self) -> TripleMm:
        """Voxel size in mm, that of the scan."""
        return self.scan.spacing_mm

    def read(self, read_box: ReadBox, start_vox: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        """Returns a box of the warped scan, interpolated linearly; of the scan only what it shows is read.

        Args:
            read_box: reads the scan itself.
            start_vox: first voxel of the box.
            size_vox: its size; it lies in blocks that are inside.
        """
        ends = [start + size for start, size in zip(start_vox, size_vox, strict=True)]
        places = self._places_vox([np.arange(start, end) for start, end in zip(start_vox, ends, strict=True)])
        first, last = places.min(axis=(1, 2, 3)), places.max(axis=(1, 2, 3))
        # Between the corners of a block, all of them inside, a curved edge may leave the scan by a fraction of a voxel;
        # there the nearest voxel is taken.
        low = np.maximum(np.floor(first).astype(int), 0)
        high = np.minimum(np.ceil(last).astype(int), np.array(self.scan.shape_vox) - 1)
        box = read_box(_triple(low), _triple(high - low + 1))
        places -= low[:, None, None, None]
        return _interpolated(box, places)

    def fits(self, starts_vox: Int64[np.ndarray, "views 3"], size_vox: Triple) -> Bool[np.ndarray, " views"]:
        """Returns which boxes have their centre where a box of the scan as it is may have its own.

        So places are drawn as often at the ends of a warped scan as they are without a warp. The corners of such a box may
        lie outside of the scanned field by ``MOST_OUTSIDE`` of its edge; there the nearest voxel is taken.

        Args:
            starts_vox: first voxels of the boxes.
            size_vox: their size.
        """
        size, last = np.array(size_vox), np.array(self.scan.shape_vox) - 1
        half, slack = (size - 1) / 2, MOST_OUTSIDE * size
        corners = starts_vox[:, None] + np.indices((2, 2, 2)).reshape(3, -1).T * (size - 1)
        centres, ends = self._in_scan_vox(starts_vox + half), self._in_scan_vox(corners)
        middle = (centres >= half - 0.5) & (centres <= last - half + 0.5)
        corner = ((ends >= -slack) & (ends <= last + slack)).all(1)
        allowed: np.ndarray = np.all(middle & corner, axis=1)
        return allowed

    def _in_scan_vox(self, at_vox: np.ndarray) -> np.ndarray:
        """Returns the continuous voxel positions in the scan of positions in the warped scan, ``(..., 3)``."""
        spacing = np.array(self.spacing_mm)
        shown_mm = self.warp.to_scan(np.array(self.origin_mm) + at_vox * spacing)
        places: np.ndarray = (shown_mm - np.array(self.scan.origin_mm)) / spacing
        return places

    def _places_vox(self, axes_vox: list[np.ndarray]) -> np.ndarray:
        return _places_vox(self.scan, self.warp, self.origin_mm, axes_vox)


def warped_scan(scan: Lattice, body: Body, warp: Warp) -> WarpedScan:
    """Returns a scan under a warp.

    Args:
        scan: its voxels.
        body: its blocks.
        warp: from the warped body to the scan.
    """
    spacing = np.array(scan.spacing_mm)
    last_mm = (np.array(scan.shape_vox) - 1) * spacing
    corners = np.array(scan.origin_mm) + np.indices((2, 2, 2)).reshape(3, -1).T * last_mm
    warped = (corners - warp.centre_mm) @ np.linalg.inv(warp.matrix).T + warp.centre_mm
    # Every place is shifted by a mean of the control points' shifts, so by no more than the largest of them.
    margin = np.abs(np.linalg.inv(warp.matrix)).sum(axis=1) * np.abs(warp.shifts_mm).max()
    first, last = warped.min(axis=0) - margin, warped.max(axis=0) + margin
    # On the voxels of the scan where nothing is warped, so that the identity gives the same voxels.
    steps = np.round((first - np.array(scan.origin_mm)) / spacing)
    origin = np.array(scan.origin_mm) + steps * spacing
    shape = np.floor((last - origin) / spacing + 0.5).astype(int) + 1
    cell = body.cell_vox * max(1, -(-int(shape.max()) // (MOST_BLOCKS * body.cell_vox)))
    made = (scan, warp, _as_mm(origin))
    edges = [np.minimum(np.arange(0, size + cell, cell), size - 1) for size in shape]
    centres = [(low[:-1] + low[1:]) / 2 for low in edges]
    middles = _places_vox(*made, centres)
    last_vox = np.array(scan.shape_vox)[:, None, None, None] - 0.5
    shown = np.logical_and.reduce((middles >= -0.5) & (middles <= last_vox), axis=0)
    whole = bool(body.inside.all())
    inside = np.ones_like(shown) if whole else _corners_inside(scan, body, _places_vox(*made, edges))
    share = np.where(inside & shown, _block_values(body.body, body.cell_vox, middles), 0)
    return WarpedScan(scan, warp, _triple(shape), _as_mm(origin), share.astype(np.uint8), inside, cell)


def _interpolated(
    box: Float32[np.ndarray, "box0 box1 box2"], places_vox: np.ndarray
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns a box's values at continuous voxel positions, ``(3, ...)``, linear between voxels; outside the nearest one's.

    Eight reads of whole arrays take half the time of `scipy.ndimage.map_coordinates` or torch's ``grid_sample``, which go from
    voxel to voxel; loading would spend it on little else.
    """
    along = (box.shape[1] * box.shape[2], box.shape[2], 1)
    steps, shares = [], []
    start = torch.zeros(places_vox[0].size, dtype=torch.int32)
    for axis, (size, stride) in enumerate(zip(box.shape, along, strict=True)):
        places = torch.from_numpy(places_vox[axis].astype(np.float32)).flatten().clamp_(0, size - 1)
        low = places.floor().clamp_(max=max(size - 2, 0))
        start.add_(low.to(torch.int32), alpha=stride)
        shares.append(places.sub_(low))
        steps.append(stride if size > 1 else 0)
    (step0, step1, step2), share, flat = steps, shares, torch.from_numpy(box).reshape(-1)

    def line(offset: int) -> torch.Tensor:
        first, second = (flat.index_select(0, start + at) for at in (offset, offset + step2))
        return first.lerp(second, share[2])

    def plane(offset: int) -> torch.Tensor:
        return line(offset).lerp(line(offset + step1), share[1])

    voxels: np.ndarray = plane(0).lerp(plane(step0), share[0]).reshape(places_vox.shape[1:]).numpy()
    return voxels


def _places_vox(scan: Lattice, warp: Warp, origin_mm: TripleMm, axes_vox: list[np.ndarray]) -> np.ndarray:
    """Returns the continuous voxel positions in the scan of a lattice of the warped scan, ``(3, ...)``."""
    a0, a1, a2 = (first + axis * step for first, axis, step in zip(origin_mm, axes_vox, scan.spacing_mm, strict=True))
    places = warp.on_lattice((a0, a1, a2))
    places -= np.array(scan.origin_mm)[:, None, None, None]
    places /= np.array(scan.spacing_mm)[:, None, None, None]
    return places


def _corners_inside(scan: Lattice, body: Body, places_vox: np.ndarray) -> np.ndarray:
    last = np.array(scan.shape_vox)[:, None, None, None] - 1
    within: np.ndarray = np.logical_and.reduce((places_vox >= -1e-6) & (places_vox <= last + 1e-6), axis=0)
    if not body.inside.all():
        within &= _block_values(body.inside, body.cell_vox, places_vox)
    for axis in range(3):
        corner = np.moveaxis(within, axis, 0)
        within = np.moveaxis(corner[1:] & corner[:-1], 0, axis)
    return within


def _block_values(values: np.ndarray, cell: int, places_vox: np.ndarray) -> np.ndarray:
    """Returns the value of the block that each place lies in, or of the nearest block."""
    index = np.floor((places_vox + 0.5) / cell).astype(int)
    index = np.clip(index, 0, np.array(values.shape)[:, None, None, None] - 1)
    taken: np.ndarray = values[index[0], index[1], index[2]]
    return taken


def _triple(values: np.ndarray) -> Triple:
    i, j, k = (int(value) for value in values)
    return i, j, k


def _as_mm(values: np.ndarray) -> TripleMm:
    x, y, z = (float(value) for value in values)
    return x, y, z
