"""Draws misread views and cuts them out of a scan with their error, so that their labels are exact."""

from typing import cast

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from orienteer.geometry.orientations import ORIENTATIONS, Orientation
from orienteer.types import Triple, TripleMm
from orienteer.views.augment import Augmentation, apply, draw_parameters
from orienteer.views.misread import MisreadPolicy, MisreadView
from orienteer.views.reader import PreparedScan, ScanReader, ViewSample

Factors = Float64[np.ndarray, "3"]
"""The stated length of a voxel divided by the true one, along each axis as stated."""


def draw_misread(
    rng: np.random.Generator,
    store: ScanReader,
    sample: ViewSample,
    policy: MisreadPolicy,
    augmentation: Augmentation | None = None,
) -> MisreadView:
    """Returns a misread copy of one view of a set, drawn at random.

    Args:
        rng: decides everything.
        store: where the scan is.
        sample: the set; the misread view has the centre of one of its views.
        policy: how wrong the voxel size may be.
        augmentation: changes of intensity; none by default.
    """
    scan, size_vox = store.scan(sample.scan), cast(Triple, tuple(sample.images.shape[-3:]))
    centre_mm = sample.centres_mm[int(rng.integers(len(sample.centres_mm)))].double().numpy()
    number = int(rng.integers(len(ORIENTATIONS)))
    factors = _draw_factors(rng, ORIENTATIONS[number], scan, size_vox, policy)
    voxels = cut_misread(store, sample.scan, centre_mm, size_vox, ORIENTATIONS[number], factors)
    image = torch.from_numpy(voxels)[None, None]
    if augmentation is not None:
        image = apply(image, draw_parameters(rng, 1, augmentation))
    return MisreadView(image, number, torch.from_numpy(np.log(factors).astype(np.float32)))


def cut_misread(
    store: ScanReader,
    key: str,
    centre_mm: Float64[np.ndarray, "3"],
    size_vox: Triple,
    orientation: Orientation,
    factors: Factors,
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns a view of a scan as a wrong header shows it, prepared like any other at the scan's spacing.

    The box is moved into the scan where it would reach out of it.

    Args:
        store: where the scan is.
        key: the scan.
        centre_mm: where to cut, in the body frame.
        size_vox: size of the view.
        orientation: what the header makes of the body's axes.
        factors: stated over true voxel size along each axis as stated.
    """
    scan = store.scan(key)
    spacing_mm, to_body = np.array(scan.spacing_mm), orientation.inverse
    # A voxel that is stated to be spacing_mm long is spacing_mm / factors long in truth.
    step_vox = np.array(to_body.of_lengths(_three(spacing_mm / factors))) / spacing_mm
    wanted = np.array(to_body.of_lengths(size_vox))
    centre_vox = (centre_mm - np.array(scan.origin_mm)) / spacing_mm
    half = (wanted - 1) / 2 * step_vox
    shape = np.array(scan.shape_vox)
    centre_vox = np.clip(centre_vox, np.minimum(half, (shape - 1) / 2), np.maximum(shape - 1 - half, (shape - 1) / 2))
    low = np.clip(np.floor(centre_vox - half - step_vox), 0, shape - 1).astype(int)
    high = np.clip(np.ceil(centre_vox + half + step_vox), 0, shape - 1).astype(int)
    box = store.read(key, _triple(low), _triple(high - low + 1))
    for axis in range(3):
        at = centre_vox[axis] - low[axis] + (np.arange(wanted[axis]) - (wanted[axis] - 1) / 2) * step_vox[axis]
        box = _resampled(box, axis, at, float(step_vox[axis]))
    return np.ascontiguousarray(orientation.of_array(box), dtype=np.float32)


def _draw_factors(
    rng: np.random.Generator, orientation: Orientation, scan: PreparedScan, size_vox: Triple, policy: MisreadPolicy
) -> Factors:
    """Returns errors of the voxel size: none in a third of the draws, one axis, or all axes alike, or each its own.

    A factor below 1 needs a box larger than the view; it is limited to what the scan holds.
    """
    most = np.log(policy.largest_factor)
    kind = rng.integers(6)
    logs = rng.uniform(-most, most, 3)
    chosen = int(rng.integers(3))
    if kind < 2:
        logs[:] = 0
    elif kind < 4:
        logs[[axis for axis in range(3) if axis != chosen]] = 0
    elif kind < 5:
        logs[:] = logs[chosen]
    extent_mm = orientation.of_lengths(_three(np.array(scan.shape_vox) * np.array(scan.spacing_mm)))
    least = np.array(size_vox) * np.array(scan.spacing_mm) / np.array(extent_mm)
    return np.maximum(np.exp(logs), np.minimum(least, policy.largest_factor))


def _resampled(
    values: Float32[np.ndarray, "size0 size1 size2"], axis: int, at: Float64[np.ndarray, " wanted"], step: float
) -> Float32[np.ndarray, "_ _ _"]:
    """Returns values at positions along an axis: linear interpolation, over a wider triangle where steps are long."""
    if step == 1 and np.allclose(at, np.rint(at), atol=1e-6):
        nearest: np.ndarray = values.take(np.clip(np.rint(at).astype(int), 0, values.shape[axis] - 1), axis=axis)
        return nearest
    width = max(1.0, step)
    inside = np.clip(at, 0, values.shape[axis] - 1)
    weights = np.maximum(0, 1 - np.abs(inside[:, None] - np.arange(values.shape[axis])) / width)
    weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    between: np.ndarray = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
    return between


def _triple(values: Int64[np.ndarray, "3"]) -> Triple:
    first, second, third = (int(value) for value in values)
    return first, second, third


def _three(values: Float64[np.ndarray, "3"]) -> TripleMm:
    first, second, third = (float(value) for value in values)
    return first, second, third
