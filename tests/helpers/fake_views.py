"""A store in memory whose voxels say where they lie, so that a test can tell which box was read."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class FakeScan:
    name: str
    shape_vox: tuple[int, int, int]
    spacing_mm: tuple[float, float, float] = (1.5, 2.0, 2.5)
    origin_mm: tuple[float, float, float] = (-30.0, 12.5, 400.0)


@dataclass(frozen=True)
class FakeBody:
    body: np.ndarray
    inside: np.ndarray
    cell_vox: int = 4


def blocks_of(voxels: np.ndarray, cell: int = 4) -> FakeBody:
    """Returns the block map of a boolean voxel array: share of body, 0..255, with everything inside."""
    n0, n1, n2 = (-(-n // cell) for n in voxels.shape)
    share = np.empty((n0, n1, n2), np.uint8)
    for i, j, k in np.ndindex(n0, n1, n2):
        block = voxels[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell, k * cell : (k + 1) * cell]
        share[i, j, k] = np.rint(255 * block.mean())
    return FakeBody(share, np.ones((n0, n1, n2), bool), cell)


@dataclass
class FakeStore:
    scans: dict[str, FakeScan]
    broken: frozenset[str] = frozenset()
    bodies_read: list[str] = field(default_factory=list)

    def scan(self, key: str) -> FakeScan:
        return self.scans[key]

    def body(self, key: str) -> FakeBody:
        self.bodies_read.append(key)
        blocks = tuple(-(-n // 4) for n in self.scans[key].shape_vox)
        return FakeBody(np.full(blocks, 255, np.uint8), np.ones(blocks, bool))

    def read(self, key: str, start_vox: tuple[int, int, int], size_vox: tuple[int, int, int]) -> np.ndarray:
        if key in self.broken:
            raise OSError("the disk is gone")
        i, j, k = (np.arange(s, s + n) for s, n in zip(start_vox, size_vox, strict=True))
        place = i[:, None, None] * 10_000 + j[None, :, None] * 100 + k[None, None, :]
        return (place / 1e6 - 0.5).astype(np.float32)


def fake_store(scans: int = 5, broken: frozenset[str] = frozenset()) -> FakeStore:
    shapes = [(24 + index, 20, 30 - index % 9) for index in range(scans)]
    entries = {f"key{index:03d}": FakeScan(f"folder/scan{index}.nii.gz", shape) for index, shape in enumerate(shapes)}
    return FakeStore(entries, broken)
