"""Body maps of simple shapes, and the views that are allowed in them, found voxel by voxel."""

import numpy as np

from tests.helpers.fake_views import FakeBody


def ball(shape: tuple[int, int, int], radius: float = 0.8) -> np.ndarray:
    g0, g1, g2 = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    return g0**2 + g1**2 + g2**2 < radius**2


def spread(blocks: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The value of each voxel's block."""
    return np.kron(blocks, np.ones((4, 4, 4), blocks.dtype))[tuple(slice(n) for n in shape)]


def share_of(body: FakeBody, shape: tuple[int, int, int], start: np.ndarray, size: tuple[int, int, int]) -> float:
    """The body share of a view, from the blocks spread back over the voxels."""
    voxels = spread(body.body / 255, shape)
    return float(voxels[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))].mean())


def naive_allowed(body: FakeBody, shape: tuple, size: tuple, fraction: float) -> set[tuple[int, int, int]]:
    allowed = set()
    for start in np.ndindex(*(n - s + 1 for n, s in zip(shape, size, strict=True))):
        touched = tuple(slice(s // 4, (s + n - 1) // 4 + 1) for s, n in zip(start, size, strict=True))
        if share_of(body, shape, np.array(start), size) >= fraction - 1e-9 and body.inside[touched].all():
            allowed.add(start)
    return allowed
