"""A whole prepared scan in memory, and the views that are cut out of it."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from orienteer.runs.loaded import LoadedRun
from orienteer.scans.body import BodyMap
from orienteer.store.store import Store
from orienteer.types import Triple, TripleMm
from orienteer.views.batch import ViewBatch
from orienteer.views.body import ViewSpace
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import centre_mm
from orienteer.views.sample import draw_starts

Starts = Int64[np.ndarray, "sets views 3"]
"""First voxels of the views in several view sets."""


@dataclass(frozen=True)
class WholeScan:
    """A prepared scan from a store, with all its voxels.

    Attributes:
        key: its key in the store.
        name: its file name.
        voxels: normalised to [-1, 1].
        body: where the body is, in blocks.
        spacing_mm: voxel size.
        origin_mm: centre of voxel 0 in the body frame.
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
        InputError: the store does not have the scan, or its array is damaged.
    """
    entry = store.scan(key)
    voxels = store.read(key, (0, 0, 0), entry.shape_vox)
    body = store.body(key)
    return WholeScan(key, entry.name, voxels, body, entry.spacing_mm, entry.origin_mm, entry.modality)


def draw_sets(scan: WholeScan, policy: ViewPolicy, sets: int) -> Starts:
    """Returns the first voxels of ``sets`` view sets; they depend only on the scan's key.

    Raises:
        ScanError: with step ``fit``, the scan cannot hold such views.
    """
    drawn, space = [], ViewSpace(scan.shape_vox, scan.body, scan.spacing_mm, scan.name)
    for number in range(sets):
        digest = hashlib.sha256(f"{scan.key}/observe/{number}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
        drawn.append(draw_starts(rng, space, policy))
    return np.stack(drawn)


def cut(scan: WholeScan, starts: Starts, view_size: Triple) -> ViewBatch:
    """Returns the views that start at ``starts``, one batch item per set."""
    boxes = [
        scan.voxels[tuple(slice(int(low), int(low) + size) for low, size in zip(start, view_size, strict=True))]
        for start in starts.reshape(-1, 3)
    ]
    images = torch.from_numpy(np.stack(boxes)).reshape(*starts.shape[:2], 1, *view_size)
    centres = torch.from_numpy(centre_mm(scan, starts, view_size).astype(np.float32))
    return ViewBatch(images, centres, (scan.key,) * len(starts), scan.spacing_mm)


def view_size(loaded: LoadedRun) -> Triple:
    """Returns the size of a run's views in voxels."""
    return loaded.config.view_size
