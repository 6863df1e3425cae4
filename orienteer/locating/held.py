"""Places of one scan in another, both in memory: what the explorer asks at each click."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.features.pretrained import Pretrained
from orienteer.labelled.grids import grid_geometry
from orienteer.locating.answers import FoundPlace
from orienteer.locating.doubt import estimate
from orienteer.locating.fields import Box, ScanField, scan_field
from orienteer.locating.heads import PlaceHeads
from orienteer.locating.mapping import FoundMap, find_map
from orienteer.locating.verdicts import outside_probability, verdict
from orienteer.scans.body import BodyMap
from orienteer.store.index import StoredScan
from orienteer.store.store import Store
from orienteer.types import Triple, TripleMm


class HeldScan(Store):
    """A prepared scan in memory that is read like one in a store.

    Args:
        voxels: values from -1 to 1.
        body: where its body is.
        spacing_mm: voxel size.
        origin_mm: centre of the first voxel in the body frame.
        modality: ``CT`` or ``MR``.
    """

    def __init__(
        self,
        voxels: Float32[np.ndarray, "_ _ _"],
        body: BodyMap,
        spacing_mm: TripleMm,
        origin_mm: TripleMm,
        modality: str,
    ) -> None:
        super().__init__(Path())
        size0, size1, size2 = voxels.shape
        self.voxels, self._body = voxels, body
        shape: Triple = (size0, size1, size2)
        self.entry = StoredScan("held", "held", modality, shape, spacing_mm, origin_mm, "", "", 0)

    def scan(self, key: str) -> StoredScan:
        """Returns the scan's entry."""
        return self.entry

    def body(self, key: str) -> BodyMap:
        """Returns its body map."""
        return self._body

    def read(self, key: str, start_vox: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        """Returns a box of its voxels."""
        box = tuple(slice(at, at + size) for at, size in zip(start_vox, size_vox, strict=True))
        return self.voxels[box]

    def field(self, pretrained: Pretrained, heads: PlaceHeads | None = None) -> ScanField:
        """Returns the field of the scan, with what the heads of a run know of its places."""
        return scan_field(pretrained, self, self.entry.key, heads)


class PairMap:
    """The map from one scan to another, found once; then each place takes milliseconds.

    Args:
        found: the map.
        box: field of view of the scan that it leads to.
    """

    def __init__(self, found: FoundMap, box: Box) -> None:
        self.found, self.box = found, box
        low, high = box
        size = tuple(float(value) for value in high - low)
        centre = tuple(float(value) for value in (low + high) / 2)
        # the field of view as a grid of one voxel
        self._view = grid_geometry((1, 1, 1), (size[0], size[1], size[2]), (centre[0], centre[1], centre[2]))

    @classmethod
    def between(cls, first: ScanField, second: ScanField) -> "PairMap":
        """Returns the map from one scan to another.

        Args:
            first: the field of the scan that places are given in.
            second: the field of the other one.
        """
        return cls(find_map(first, second), second.box)

    def places(self, points_mm: Float64[np.ndarray, "points 3"]) -> list[FoundPlace]:
        """Returns where points of the first scan lie in the second, with error bars and verdicts."""
        return [
            FoundPlace(
                name=f"place {number}",
                point_mm=(float(one.point_mm[0]), float(one.point_mm[1]), float(one.point_mm[2])),
                error_bar_mm=one.error_bar_mm,
                verdict=verdict(
                    outside := outside_probability(one.point_mm, one.error_bar_mm, self._view),
                    one.error_bar_mm,
                    one.trusted,
                    self._view,
                ),
                outside=outside,
                spread_mm=None,
                templates=1,
            )
            for number, one in enumerate(estimate(self.found, points_mm), start=1)
        ]
