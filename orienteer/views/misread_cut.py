"""Draws misread views and cuts them out of a coarse copy of a scan with their error, so that their labels are exact."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from orienteer.geometry.orientations import MIRRORINGS, ORIENTATIONS, Orientation
from orienteer.types import TripleMm
from orienteer.views.augment import Augmentation, apply, draw_parameters
from orienteer.views.misread import Misreading, MisreadPolicy, MisreadViews
from orienteer.views.reader import ScanReader

Factors = Float64[np.ndarray, "3"]
"""The stated length of a voxel divided by the true one, along each axis as stated."""

OUTSIDE = -1.0
"""The value of voxels outside of the scan: the lowest of the range, like air."""

BODY_SIZES, BODY_SHAPES = 0.05, 0.2
"""Training views are stretched along each axis by factors whose log has these standard deviations, the first one for the
whole axis, the second one differently from place to place: few scans must not be learned by heart."""

COVERED_BOXES = 3
"""Boxes of a training view that are covered, at most: no single organ may decide."""

KEPT_BYTES = 128 * 2**20
"""Bytes of coarse copies that a process keeps."""


@dataclass(frozen=True)
class CoarseScan:
    """A scan of few voxels, to cut misread views out of.

    Attributes:
        voxels: normalised to [-1, 1].
        spacing_mm: voxel size.
    """

    voxels: Float32[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm

    @property
    def extent_mm(self) -> Float64[np.ndarray, "3"]:
        """Its size in mm."""
        extent: np.ndarray = np.array(self.voxels.shape) * np.array(self.spacing_mm)
        return extent


def coarse_scan(voxels: Float32[np.ndarray, "_ _ _"], spacing_mm: TripleMm, policy: MisreadPolicy) -> CoarseScan:
    """Returns a scan with voxels that are means of blocks, at most as long as those of a misread view.

    Example:
        >>> policy = MisreadPolicy(extent_mm=240.0, edge_vox=24)
        >>> coarse_scan(np.zeros((9, 40, 40), np.float32), (2.0, 2.0, 5.0), policy).voxels.shape
        (1, 8, 20)
    """
    for axis in range(3):
        block = max(1, int(policy.spacing_mm[axis] // spacing_mm[axis]))
        whole = voxels.shape[axis] // block * block or voxels.shape[axis]
        parts = np.moveaxis(voxels, axis, 0)[:whole]
        blocks = parts.reshape(-1, min(block, whole), *parts.shape[1:]).mean(1)
        length = list(spacing_mm)
        length[axis] *= min(block, whole)
        voxels, spacing_mm = np.moveaxis(blocks, 0, axis), (length[0], length[1], length[2])
    return CoarseScan(np.ascontiguousarray(voxels, dtype=np.float32), spacing_mm)


class CoarseReader:
    """Keeps coarse copies of the scans of a store that were used last, up to a number of bytes.

    Args:
        store: where the scans are.
        policy: the misread views to cut out of them.
    """

    def __init__(self, store: ScanReader, policy: MisreadPolicy) -> None:
        self.store, self.policy = store, policy
        self._recent: OrderedDict[str, CoarseScan] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": OrderedDict()}

    def read(self, key: str) -> CoarseScan:
        """Returns the coarse copy of a scan."""
        if key not in self._recent:
            scan = self.store.scan(key)
            voxels = self.store.read(key, (0, 0, 0), scan.shape_vox)
            self._recent[key] = coarse_scan(voxels, scan.spacing_mm, self.policy)
        self._recent.move_to_end(key)
        while sum(scan.voxels.nbytes for scan in self._recent.values()) > KEPT_BYTES and len(self._recent) > 1:
            self._recent.popitem(last=False)
        return self._recent[key]


def draw_misread(
    rng: np.random.Generator, scan: CoarseScan, policy: MisreadPolicy, augmentation: Augmentation | None = None
) -> MisreadViews:
    """Returns misread views of a scan, drawn at random.

    Args:
        rng: decides everything.
        scan: the scan.
        policy: their number and size, and how wrong the voxel size may be.
        augmentation: changes of intensity, for training; then the body's size varies too. None by default.
    """
    # Half of the views are mirrored at most: left and right are hard to learn, and easier with the head up.
    numbers = np.where(
        rng.random(policy.views) < 0.5,
        rng.integers(MIRRORINGS, size=policy.views),
        rng.integers(len(ORIENTATIONS), size=policy.views),
    )
    factors = np.exp([_draw_log_factors(rng, float(np.log(policy.largest_factor))) for _ in numbers])
    places = rng.uniform(-1, 1, factors.shape)
    varied = augmentation is not None
    cut = [
        cut_misread(
            scan, policy, ORIENTATIONS[int(number)], wrong, place, _draw_stretch(rng, policy) if varied else None
        )
        for number, wrong, place in zip(numbers, factors, places, strict=True)
    ]
    images = torch.from_numpy(np.stack(cut))[:, None]
    if augmentation is not None:
        images = apply(images, draw_parameters(rng, policy.views, augmentation))
        _cover(rng, images)
    log_factor = torch.from_numpy(np.log(factors).astype(np.float32))
    return MisreadViews(images, Misreading(torch.from_numpy(numbers), log_factor), policy.spacing_mm)


def cut_misread(
    scan: CoarseScan,
    policy: MisreadPolicy,
    orientation: Orientation,
    factors: Factors,
    place: Float64[np.ndarray, "3"],
    stretch: Float64[np.ndarray, "3 edge"] | None = None,
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns a misread view of a scan.

    Args:
        scan: the scan.
        policy: size of the view.
        orientation: what the header makes of the body's axes.
        factors: stated over true voxel size along each axis as stated.
        place: where the centre lies along each axis of the body, from -1 to 1: at 0 it is the centre of the scan, at 1 a
            quarter of the view reaches out of it (or it is the centre, if the view is twice as long as the scan).
        stretch: factors by which the body is stretched at each voxel along each of its axes; none by default.
    """
    back = orientation.inverse  # from axes as stated to those of the body
    stated_mm = np.array(policy.spacing_mm) / factors
    step_vox = np.array(back.of_lengths((float(stated_mm[0]), float(stated_mm[1]), float(stated_mm[2]))))
    step_vox = step_vox / np.array(scan.spacing_mm)
    shape = np.array(scan.voxels.shape)
    room_vox = np.maximum(shape - step_vox * policy.edge_vox / 2, 0) / 2
    centre_vox = (shape - 1) / 2 + place * room_vox
    voxels = scan.voxels - OUTSIDE
    for axis in range(3):
        steps = np.full(policy.edge_vox, step_vox[axis]) / (1.0 if stretch is None else stretch[axis])
        at = np.cumsum(steps) - steps / 2
        at += centre_vox[axis] - at.mean()
        voxels = _resampled(voxels, axis, at, float(step_vox[axis]))
    return np.ascontiguousarray(orientation.of_array(voxels + OUTSIDE), dtype=np.float32)


def _draw_log_factors(rng: np.random.Generator, most: float) -> Factors:
    """Returns the log of errors of the voxel size: none in half of the draws, one axis, all alike, or each its own."""
    logs = rng.uniform(-most, most, 3)
    kind, chosen = int(rng.integers(8)), int(rng.integers(3))
    if kind < 4:
        return np.zeros(3)
    if kind < 6:
        return np.where(np.arange(3) == chosen, logs, 0.0)
    return np.full(3, logs[chosen]) if kind < 7 else logs


def _draw_stretch(rng: np.random.Generator, policy: MisreadPolicy) -> Float64[np.ndarray, "3 edge"]:
    """Returns smooth factors along each axis of the body."""
    knots = rng.normal(0, BODY_SHAPES, (3, 5))
    at = np.linspace(0, 4, policy.edge_vox)
    local = np.stack([np.interp(at, np.arange(5), each) for each in knots])
    stretch: np.ndarray = np.exp(local - local.mean(1, keepdims=True) + rng.normal(0, BODY_SIZES, (3, 1)))
    return stretch


def _cover(rng: np.random.Generator, images: Float[Tensor, "views 1 size0 size1 size2"]) -> None:
    """Covers boxes of views, in place, with one value each."""
    edges = np.array(images.shape[-3:])
    for view in images[:, 0]:
        for _ in range(int(rng.integers(COVERED_BOXES + 1))):
            size = rng.integers(1, np.maximum(edges // 2, 1) + 1)
            low = rng.integers(0, edges - size + 1)
            box = tuple(slice(int(start), int(start + length)) for start, length in zip(low, size, strict=True))
            view[box] = float(rng.uniform(-1, 1))


def _resampled(
    values: Float32[np.ndarray, "size0 size1 size2"], axis: int, at: Float64[np.ndarray, " wanted"], step: float
) -> Float32[np.ndarray, "_ _ _"]:
    """Returns values at positions along an axis, 0 outside: linear, over a wider triangle where steps are long."""
    size = values.shape[axis]
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)) / max(1.0, step))
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    weights[(at < -0.5) | (at > size - 0.5)] = 0
    between: np.ndarray = np.moveaxis(np.tensordot(weights.astype(np.float32), values, axes=(1, axis)), 0, axis)
    return between
