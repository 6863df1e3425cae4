"""The distortions of Models Genesis: intensity curves, shuffled voxels, and noise inside a view or around a part of it.

Zhou et al., *Models Genesis*, MICCAI 2019; Medical Image Analysis 67 (2021). Departures: voxels are shuffled within the
blocks of a grid with a random offset, each voxel once, instead of within thousands of random boxes one after the other,
which would take longer than a training step; intensity curves are monotonic.
"""

import numpy as np
from jaxtyping import Bool, Float32

from orienteer.types import Triple

View = Float32[np.ndarray, "size0 size1 size2"]
"""One view, normalised to about [-1, 1]."""

CURVE_POINTS = 256
"""Number of points at which a curve is evaluated."""

BOXES = 5
"""Largest number of boxes that are painted over, or left."""


def bent(rng: np.random.Generator, view: View) -> View:
    """Returns a view whose intensities are mapped by a random monotonic Bezier curve that keeps both ends.

    Example:
        >>> ramp = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 4, 4)
        >>> steps = np.diff(bent(np.random.default_rng(0), ramp).reshape(-1))
        >>> bool((steps >= 0).all() or (steps <= 0).all())
        True
    """
    ends = np.sort(rng.random((2, 2)), axis=0)  # two inner points, each coordinate sorted: the curve never turns back
    points = np.concatenate([[[0.0, 0.0]], ends, [[1.0, 1.0]]])
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    curve = (
        (1 - t) ** 3 * points[0] + 3 * t * (1 - t) ** 2 * points[1] + 3 * t**2 * (1 - t) * points[2] + t**3 * points[3]
    )
    heights = curve[:, 1] if rng.random() < 0.5 else 1 - curve[:, 1]
    mapped: np.ndarray = np.interp((np.clip(view, -1, 1) + 1) / 2, curve[:, 0], heights) * 2 - 1
    return mapped.astype(np.float32)


def shuffled(rng: np.random.Generator, view: View) -> View:
    """Returns a view whose voxels are shuffled within the small blocks of a grid, which removes texture and keeps shapes.

    Example:
        >>> view = np.arange(512, dtype=np.float32).reshape(8, 8, 8)
        >>> mixed = shuffled(np.random.default_rng(0), view)
        >>> bool((mixed != view).any() and (np.sort(mixed, axis=None) == view.reshape(-1)).all())
        True
    """
    edges = [int(rng.integers(2, max(3, size // 8 + 1))) for size in view.shape]
    offset = [int(rng.integers(0, edge)) for edge in edges]
    inner = tuple(
        slice(first, first + (size - first) // edge * edge)
        for first, size, edge in zip(offset, view.shape, edges, strict=True)
    )
    part = view[inner]
    n0, n1, n2 = (length // edge for length, edge in zip(part.shape, edges, strict=True))
    if not n0 * n1 * n2:
        return view
    e0, e1, e2 = edges
    blocks = part.reshape(n0, e0, n1, e1, n2, e2).transpose(0, 2, 4, 1, 3, 5).reshape(n0 * n1 * n2, e0 * e1 * e2)
    order = rng.random(blocks.shape).argsort(axis=1)
    mixed = np.take_along_axis(blocks, order, axis=1).reshape(n0, n1, n2, e0, e1, e2).transpose(0, 3, 1, 4, 2, 5)
    result = view.copy()
    result[inner] = mixed.reshape(part.shape)
    return result


def painted(rng: np.random.Generator, size_vox: Triple, inside_share: float) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns which voxels are painted over: a few boxes inside the view, or all but a few larger ones.

    Example:
        >>> over = painted(np.random.default_rng(0), (24, 24, 24), inside_share=1.0)
        >>> bool(0 < over.mean() < 0.5)
        True
    """
    inside = rng.random() < inside_share
    low, high = (1 / 6, 1 / 3) if inside else (3 / 7, 4 / 7)
    boxes = np.zeros(size_vox, bool)
    for _ in range(int(rng.integers(1, BOXES + 1))):
        edges = [max(1, round(size * rng.uniform(low, high))) for size in size_vox]
        firsts = [int(rng.integers(0, size - edge + 1)) for size, edge in zip(size_vox, edges, strict=True)]
        boxes[tuple(slice(first, first + edge) for first, edge in zip(firsts, edges, strict=True))] = True
    return boxes if inside else ~boxes
