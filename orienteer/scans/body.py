"""Where the body is in a scan: its voxels, its bounding box, and the coarse map from which views are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from orienteer.types import Triple, TripleMm

CELL_VOX = 4
"""Edge of a block of the body map in voxels: 1/64 of the voxels, and views are far larger than a block."""

AIR_HU = -500.0
"""CT: air and lung lie below. Filling holes adds the lungs again."""

CLIPPED_SHARE = 0.1
"""CT that was saved through a window has no value near air: all air has the lowest one. If at least this share of the voxels
has it, they are air, and what is fat among them is enclosed by skin and filled again."""

MR_FLOOR = 0.07
"""MR: body begins at this share of the way from the 0.5 to the 99.5 percentile. Air around a head is at 1 to 5 % of it;
in a tight crop without air hardly any tissue lies below it (4 % in crops of the hippocampus)."""

TABLE_MM = 4.0
"""CT: structures thinner than twice this are cut off before the largest component is chosen: table tops, blankets,
tubes. MR shows none of them, and cutting would widen every dark spot."""

MOST_SAMPLES = 1_000_000
"""Approximate number of voxels that are sorted for these percentiles."""

KEPT_SHARE = 0.5
"""Components with at least this share of the largest one's voxels are body as well: two legs, two arms."""


@dataclass(frozen=True)
class BodyMap:
    """Where the body is, in blocks of ``cell_vox`` voxels per axis. The last block of an axis may be shorter.

    Attributes:
        body: share of each block's voxels that are body, from 0 (none) to 255 (all).
        inside: whether a block lies entirely in the scanned field. Only oblique scans have blocks outside.
        cell_vox: edge of a block in voxels.
    """

    body: UInt8[np.ndarray, "blocks0 blocks1 blocks2"]
    inside: Bool[np.ndarray, "blocks0 blocks1 blocks2"]
    cell_vox: int


def body_mask(
    voxels: Float32[np.ndarray, "size0 size1 size2"],
    modality: str,
    spacing_mm: TripleMm,
    inside: Bool[np.ndarray, "size0 size1 size2"] | None = None,
) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns the body mask: tissue with the lungs and bowel that it encloses, without table and air.

    Args:
        voxels: HU for CT, anything for MR; not yet normalised.
        modality: ``CT`` or ``MR``.
        spacing_mm: voxel size in mm.
        inside: voxels of the scanned field; None where that is all of them.

    Example:
        >>> voxels = np.full((20, 20, 20), -1000, dtype=np.float32)
        >>> voxels[4:14, 4:14, 4:14] = 40  # a body
        >>> voxels[7:10, 7:10, 7:10] = -900  # with a lung
        >>> voxels[:, 18:19, :] = 100  # on a table
        >>> int(body_mask(voxels, "CT", (2.0, 2.0, 2.0)).sum())
        1000
    """
    mask = voxels > _threshold(voxels, modality, inside)
    if inside is not None:
        mask &= inside
    steps = [int(TABLE_MM / length) if modality == "CT" else 0 for length in spacing_mm]
    _fill_slices(mask)  # first: a chest wall next to the lung may be thinner than a table
    _keep_large_components(mask, steps)
    return mask


def bounding_box(mask: Bool[np.ndarray, "size0 size1 size2"], margin_vox: Triple) -> tuple[slice, slice, slice]:
    """Returns the smallest box around the true voxels plus a margin, clipped to the array.

    Example:
        >>> mask = np.zeros((10, 10, 10), bool)
        >>> mask[3:5, 0, 9] = True
        >>> bounding_box(mask, (1, 1, 1))
        (slice(2, 6, None), slice(0, 2, None), slice(8, 10, None))
    """
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        low = max(0, int(occupied[0]) - margin_vox[axis])
        high = min(mask.shape[axis], int(occupied[-1]) + 1 + margin_vox[axis])
        box.append(slice(low, high))
    return box[0], box[1], box[2]


def body_map(
    mask: Bool[np.ndarray, "size0 size1 size2"],
    inside: Bool[np.ndarray, "size0 size1 size2"] | None = None,
    cell_vox: int = CELL_VOX,
) -> BodyMap:
    """Returns the coarse map of a scan's body and scanned field.

    Example:
        >>> mask = np.zeros((8, 8, 6), bool)
        >>> mask[:4, :, 5] = True
        >>> coarse = body_map(mask)
        >>> coarse.body[:, 0].tolist(), bool(coarse.inside.all())  # the last block of axis 2 is two voxels long
        ([[0, 128], [0, 0]], True)
    """
    blocks = _sums(mask, cell_vox)
    edges = [np.minimum(cell_vox, size - np.arange(0, size, cell_vox)) for size in mask.shape]
    sizes = edges[0][:, None, None] * edges[1][:, None] * edges[2]  # voxels in each block
    share = np.rint(blocks * (255 / sizes)).astype(np.uint8)
    within = np.ones(share.shape, bool) if inside is None else _sums(inside, cell_vox) == sizes
    return BodyMap(share, within, cell_vox)


def _threshold(voxels: np.ndarray, modality: str, inside: np.ndarray | None) -> float:
    if modality == "CT":
        return _air_of_ct(voxels if inside is None else voxels[inside])
    step = max(1, int((voxels.size / MOST_SAMPLES) ** (1 / 3)))
    sample = (slice(None, None, step),) * 3
    values = voxels[sample] if inside is None else voxels[sample][inside[sample]]
    if values.size == 0:
        return float("inf")
    low, high = np.percentile(values, (0.5, 99.5))
    return float(low + MR_FLOOR * (high - low))


def _air_of_ct(values: np.ndarray) -> float:
    """Returns the HU of air and lung, or the lowest value of a CT that was saved through a window."""
    lowest = float(values.min(initial=np.inf))
    if not AIR_HU < lowest < np.inf:
        return AIR_HU
    limit = lowest + 1.0  # interpolation rounds
    return limit if np.mean(values <= limit) >= CLIPPED_SHARE else AIR_HU


def _keep_large_components(mask: np.ndarray, cut_vox: Sequence[int]) -> None:
    """Cuts off thin structures, then keeps the largest component and those nearly as large. In place.

    Args:
        mask: candidates for body.
        cut_vox: per axis, half the thickness in voxels of what is cut off.
    """
    core = mask
    for axis, steps in enumerate(cut_vox):
        core = _windowed(
            core, steps, axis, np.logical_and
        )  # structures cut by the border of the scan do not count as thin
    labels, count = ndimage.label(core if core.any() else mask)  # all are thin: thickness cannot separate them
    if count == 0:
        return
    sizes = np.zeros(count + 1, dtype=np.int64)
    for plane in labels:
        sizes += np.bincount(plane.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    kept = _chosen(labels, sizes >= KEPT_SHARE * sizes.max())
    del labels, core
    for axis, steps in enumerate(cut_vox):  # grown a little further than it was cut, to restore edges
        kept = _windowed(kept, 2 * steps, axis, np.logical_or)
    mask &= kept


def _windowed(mask: np.ndarray, steps: int, axis: int, combine: np.ufunc) -> np.ndarray:
    """Combines each voxel with its neighbours up to a number of steps away along an axis, within the array."""
    result = mask.copy() if steps else mask
    moved, fixed = np.moveaxis(result, axis, 0), np.moveaxis(mask, axis, 0)
    for step in range(1, steps + 1):
        combine(moved[step:], fixed[:-step], out=moved[step:])
        combine(moved[:-step], fixed[step:], out=moved[:-step])
    return result


def _fill_slices(mask: np.ndarray) -> None:
    """Fills holes slice by slice across the body (axis 2), so that lungs cut by the end of the scan are filled. In place."""
    within_slice = np.zeros((3, 3, 3), bool)
    within_slice[:, 1, 1] = within_slice[1, :, 1] = True
    labels, count = ndimage.label(~mask, structure=within_slice)
    open_air = np.zeros(count + 1, bool)
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        open_air[border.reshape(-1)] = True
    open_air[0] = True  # label 0 is the mask itself
    mask |= _chosen(labels, ~open_air)


def _chosen(labels: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Returns where the label is a chosen one. Plane by plane: indexing with all labels at once would double the memory."""
    chosen = np.empty(labels.shape, bool)
    for plane, chosen_plane in zip(labels, chosen, strict=True):
        np.take(choice, plane, out=chosen_plane)
    return chosen


def _sums(mask: np.ndarray, cell_vox: int) -> np.ndarray:
    sums = mask.view(np.uint8)
    for axis, size in enumerate(mask.shape):
        # The narrowest type that holds a block's count: sums of whole scans in int64 would be eight times the mask.
        sums = np.add.reduceat(sums, np.arange(0, size, cell_vox), axis=axis, dtype=np.uint16)
    return sums
