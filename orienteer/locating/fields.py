"""The field of a scan: what places are found by. Features of a lattice of places, and descriptors of the grey values."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from orienteer.features.pretrained import Pretrained
from orienteer.locating.greys import grey_volumes
from orienteer.locating.heads import KnownPlaces, PlaceHeads
from orienteer.locating.volumes import Volume
from orienteer.scans.body import BodyMap
from orienteer.store.store import Store
from orienteer.types import Triple

PLACES = 5000
"""About how many places of the body are described by the network."""

LEAST_BODY = 64
"""Least share of body around a place of the lattice, of 255."""

OVERLAP = 0.5
"""Of the views: about eight show each place."""


class Box(NamedTuple):
    """The field of view of a prepared scan, mm in the body frame, to the outer faces of its voxels."""

    low_mm: Float64[np.ndarray, "3"]
    high_mm: Float64[np.ndarray, "3"]


@dataclass(frozen=True)
class Lattice:
    """Evenly spaced places over a scan, of which those in the body are described.

    Attributes:
        shape: places per axis.
        origin_mm: the first.
        step_mm: distance of neighbours along each axis.
        body: which of them lie in the body, in array order.
    """

    shape: Triple
    origin_mm: Float64[np.ndarray, "3"]
    step_mm: Float64[np.ndarray, "3"]
    body: Bool[np.ndarray, " lattice"]

    @property
    def places_mm(self) -> Float64[np.ndarray, "places 3"]:
        """The places in the body."""
        at = np.stack(np.unravel_index(np.flatnonzero(self.body), self.shape), axis=1)
        places: Float64[np.ndarray, "places 3"] = self.origin_mm + at * self.step_mm
        return places

    @property
    def depths_mm(self) -> Float64[np.ndarray, " places"]:
        """How far each place lies below the skin; ends of the scan where the body goes on are no skin."""
        body = np.pad(self.body.reshape(self.shape), 1, mode="edge")
        body[0], body[-1], body[:, 0], body[:, -1] = False, False, False, False
        depths = ndimage.distance_transform_edt(body, sampling=self.step_mm)[1:-1, 1:-1, 1:-1]
        inside: Float64[np.ndarray, " places"] = depths.ravel()[self.body]
        return inside


@dataclass(frozen=True)
class ScanField:
    """What places of a scan are found by.

    Attributes:
        lattice: the places that the network describes.
        features: of all levels side by side, the finest first.
        channels: how many of them belong to each level.
        greys: descriptors of the grey values, the coarsest resolution first.
        box: the prepared scan's field of view.
        modality: ``CT`` or ``MR``.
        known: what the tasks of a run know of the places; None for an encoder alone.
    """

    lattice: Lattice
    features: Float32[np.ndarray, "places channels"]
    channels: tuple[int, ...]
    greys: tuple[Volume, ...]
    box: Box
    modality: str
    known: KnownPlaces | None = None


def scan_field(pretrained: Pretrained, store: Store, key: str, heads: PlaceHeads | None = None) -> ScanField:
    """Returns the field of a prepared scan.

    Args:
        pretrained: the encoder.
        store: holds the scan, prepared as the encoder's training scans were.
        key: of the scan.
        heads: what the tasks of its run learned of places; None for an encoder alone.
    """
    scan, body = store.scan(key), store.body(key)
    spacing, origin = np.array(scan.spacing_mm), np.array(scan.origin_mm)
    lattice = body_lattice(scan.shape_vox, body, spacing, origin)
    points_vox = (lattice.places_mm - origin) / spacing
    rows = pretrained.features_at(store, key, points_vox, OVERLAP, heads)
    channels = tuple(pretrained.network.channels)
    voxels = store.read(key, (0, 0, 0), scan.shape_vox)
    return ScanField(
        lattice=lattice,
        features=rows[:, : sum(channels)],
        channels=channels,
        greys=grey_volumes(voxels, body, spacing, origin),
        box=Box(origin - spacing / 2, origin + (np.array(scan.shape_vox) - 0.5) * spacing),
        modality=scan.modality,
        known=heads.known(rows[:, sum(channels) :]) if heads else None,
    )


def body_lattice(
    shape_vox: Triple,
    body: BodyMap,
    spacing_mm: Float64[np.ndarray, "3"],
    origin_mm: Float64[np.ndarray, "3"],
    places: int = PLACES,
) -> Lattice:
    """Returns evenly spaced places over a scan, at the same distance on all axes and not closer than half a voxel.

    Args:
        places: about how many of them are to lie in the body.
    """
    volume = float(body.body.mean()) / 255 * float(np.prod(np.array(shape_vox) * spacing_mm))
    step_vox = np.maximum((volume / places) ** (1 / 3) / spacing_mm, 0.5)
    axes = []
    for length, step in zip(shape_vox, step_vox, strict=True):
        count = max(1, int((length - 1) // step) + 1)
        axes.append((length - 1 - (count - 1) * step) / 2 + np.arange(count) * step)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    blocks = np.minimum(np.rint(points).astype(int) // body.cell_vox, np.array(body.body.shape) - 1)
    share = body.body[tuple(blocks.T)]
    inside = share >= LEAST_BODY if (share >= LEAST_BODY).any() else np.ones(len(points), bool)
    shape0, shape1, shape2 = (len(axis) for axis in axes)
    first = np.array([axis[0] for axis in axes])
    return Lattice((shape0, shape1, shape2), origin_mm + first * spacing_mm, step_vox * spacing_mm, inside)
