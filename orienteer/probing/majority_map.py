"""The baseline of a segmentation that ignores the image: the most frequent label at each place."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, UInt8

from orienteer.probing.sampling import lattice

MOST_CELLS = 50_000_000
"""Cells times classes of a map. A larger map is made coarser."""


class MajorityMap:
    """The most frequent label at each place of the training label maps, which are aligned by their centres.

    Args:
        maps: label maps of any shapes.
        classes: how many there are, background among them.
    """

    def __init__(self, maps: Sequence[np.ndarray], classes: int) -> None:
        shape = np.max([labels.shape for labels in maps], axis=0)
        self.coarser = max(1, int(np.ceil((np.prod(shape, dtype=float) * classes / MOST_CELLS) ** (1 / 3))))
        self.shape = -(-shape // self.coarser)
        counts = np.zeros((classes, *self.shape), np.uint16)
        for labels in maps:
            points = lattice(labels.shape, labels.size, self.coarser)
            cells = self._cells(points, labels.shape)
            np.add.at(counts, (labels[tuple(points.T)], *cells.T), 1)
        self.majority = counts.argmax(0).astype(
            np.uint8
        )  # the lowest class in a tie; background where nothing was counted

    def at(self, points: Int64[np.ndarray, "points 3"], shape_vox: tuple[int, ...]) -> UInt8[np.ndarray, " points"]:
        """Returns the label at voxels of a scan of this shape; background outside the map."""
        cells = self._cells(points, shape_vox)
        inside = ((cells >= 0) & (cells < self.shape)).all(1)
        return np.where(inside, self.majority[tuple(np.where(inside[:, None], cells, 0).T)], 0).astype(np.uint8)

    def _cells(
        self, points: Int64[np.ndarray, "points 3"], shape_vox: tuple[int, ...]
    ) -> Int64[np.ndarray, "points 3"]:
        cells: Int64[np.ndarray, "points 3"] = (points - np.array(shape_vox) // 2) // self.coarser + self.shape // 2
        return cells
