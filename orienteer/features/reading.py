"""Reading the views of a prepared scan from the store."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Int64

from orienteer.features.grid import Starts, body_grid
from orienteer.store.store import Store
from orienteer.types import Triple

AIR = -1.0
"""The value around a scan that is smaller than a view: the darkest value of every intensity rule."""

BATCH_VOX = 2**21
"""About how many voxels go through the encoder at once: 64 views of 32 voxels, 2 of 96."""


def read_view(
    store: Store, key: str, start_vox: Int64[np.ndarray, "3"], view_size: Triple
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns the voxels of one view, in [-1, 1]; outside the scan is air."""
    shape = np.array(store.scan(key).shape_vox)
    low, high = np.maximum(start_vox, 0), np.minimum(start_vox + np.array(view_size), shape)
    at0, at1, at2 = (int(value) for value in low)
    size0, size1, size2 = (int(value) for value in high - low)
    inner = store.read(key, (at0, at1, at2), (size0, size1, size2))
    if inner.shape == tuple(view_size):
        return inner
    view = np.full(view_size, AIR, np.float32)
    first = low - start_vox
    view[tuple(slice(int(a), int(a) + n) for a, n in zip(first, inner.shape, strict=True))] = inner
    return view


def read_views(
    store: Store, key: str, starts: Starts, view_size: Triple
) -> Iterator[tuple[Int64[np.ndarray, "batch 3"], Float32[np.ndarray, "batch size0 size1 size2"]]]:
    """Yields views with their first voxels, as many at once as go through an encoder together."""
    count = max(1, BATCH_VOX // int(np.prod(view_size)))
    for first in range(0, len(starts), count):
        batch = starts[first : first + count]
        yield batch, np.stack([read_view(store, key, start, view_size) for start in batch])


def read_body_views(
    store: Store, key: str, view_size: Triple, overlap: float
) -> Iterator[Float32[np.ndarray, "batch size0 size1 size2"]]:
    """Yields the views of a fixed grid over a scan's body, as many at once as go through an encoder together."""
    starts = body_grid(store.scan(key).shape_vox, store.body(key), view_size, overlap)
    return (views for _, views in read_views(store, key, starts, view_size))
