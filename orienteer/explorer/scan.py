"""An open scan: prepared like the scans of the run, whole in memory, with views at any point."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int16
from torch import Tensor

from orienteer.errors import InputError
from orienteer.explorer.shown import Shown, ShownScan
from orienteer.scans.body import BodyMap, body_mask
from orienteer.scans.normalise import to_values
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class Place:
    """A view at a point.

    Attributes:
        asked_mm: the point.
        start_vox: first voxel of the view.
        centre_mm: centre of the view; not quite ``asked_mm``, as views start at whole voxels and stay inside the scan.
        low_mm: low corner of the view, at the outer edge of its voxels.
        high_mm: high corner.
        body_share: share of the view that is body, 0 to 1.
    """

    asked_mm: TripleMm
    start_vox: Triple
    centre_mm: TripleMm
    low_mm: TripleMm
    high_mm: TripleMm
    body_share: float

    @property
    def moved_mm(self) -> float:
        """Distance of the centre of the view from the point, mm."""
        return float(np.linalg.norm(np.subtract(self.centre_mm, self.asked_mm)))


@dataclass(frozen=True)
class OpenScan:
    """A prepared scan in memory.

    Attributes:
        name: file name.
        stored: normalised voxels times 1000.
        body: where the body is, in blocks.
        spacing_mm: voxel size.
        origin_mm: centre of voxel 0 in the body frame.
        modality: ``CT`` or ``MR``.
        value_range: the scan's own values (HU for CT) that became -1 and 1.
        shown: the scan as the page shows it.
        warnings: reasons why predictions on this scan may be wrong.
        key: name of the scan among those that are kept beside the store; empty if it is not kept.
    """

    name: str
    stored: Int16[np.ndarray, "size0 size1 size2"]
    body: BodyMap
    spacing_mm: TripleMm
    origin_mm: TripleMm
    modality: str
    value_range: tuple[float, float]
    shown: Shown
    warnings: tuple[str, ...] = ()
    key: str = ""

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""
        size0, size1, size2 = self.stored.shape
        return size0, size1, size2

    @property
    def bounds_mm(self) -> tuple[TripleMm, TripleMm]:
        """The centres of the first and of the last voxel, mm."""
        last = np.array(self.origin_mm) + (np.array(self.shape_vox) - 1) * self.spacing_mm
        return self.origin_mm, _triple_mm(last)

    @property
    def for_page(self) -> ShownScan:
        """The scan as the page draws it."""
        return ShownScan(self.name, self.modality, self.bounds_mm, self.shown)

    @cached_property
    def body_voxels(self) -> Bool[np.ndarray, "size0 size1 size2"]:
        """Which voxels are body, with the lungs and bowel that it encloses: finer than ``body``."""
        low, high = self.value_range
        values = low + (to_values(self.stored) + 1) / 2 * np.float32(high - low)
        return body_mask(values.astype(np.float32), self.modality, self.spacing_mm)

    def place(self, point_mm: Sequence[float], size_vox: Triple) -> Place:
        """Returns the view nearest to a point, on whole voxels and inside the scan.

        Raises:
            InputError: not three finite numbers, or a point outside the scan.
        """
        low, high = self.bounds_mm
        half = np.array(self.spacing_mm) / 2
        point = np.array(point_mm, dtype=float)
        if (
            point.shape != (3,)
            or not np.isfinite(point).all()
            or (point < low - half).any()
            or (point > high + half).any()
        ):
            raise InputError(
                "point",
                wanted=f"three numbers in mm from {in_words(low)} to {in_words(high)}, inside {self.name}",
                got=in_words(point_mm),
                do="choose a point in the scan",
            )
        first = np.rint((point - self.origin_mm) / self.spacing_mm - (np.array(size_vox) - 1) / 2).astype(int)
        return self.view_at(np.clip(first, 0, np.array(self.shape_vox) - size_vox).tolist(), size_vox, point.tolist())

    def view_at(self, start: Sequence[int], size_vox: Triple, asked_mm: Sequence[float] | None = None) -> Place:
        """Returns the view that starts at a voxel."""
        first, size, spacing = np.array(start), np.array(size_vox), np.array(self.spacing_mm)
        low = np.array(self.origin_mm) + (first - 0.5) * spacing
        centre = low + size * spacing / 2
        asked = centre if asked_mm is None else np.array(asked_mm, dtype=float)
        start0, start1, start2 = (int(value) for value in first)
        return Place(
            asked_mm=_triple_mm(asked),
            start_vox=(start0, start1, start2),
            centre_mm=_triple_mm(centre),
            low_mm=_triple_mm(low),
            high_mm=_triple_mm(low + size * spacing),
            body_share=self.body_share((start0, start1, start2), size_vox),
        )

    def body_share(self, start: Triple, size_vox: Triple) -> float:
        """Returns the share of a view that is body, 0 to 1, from the blocks that it touches."""
        cell = self.body.cell_vox
        blocks = tuple(slice(at // cell, -(-(at + size) // cell)) for at, size in zip(start, size_vox, strict=True))
        return float(self.body.body[blocks].mean()) / 255

    def images(self, starts: Sequence[Triple], size_vox: Triple) -> Float[Tensor, "1 views 1 size0 size1 size2"]:
        """Returns normalised views as one view set."""
        return torch.from_numpy(np.stack([self._cut(start, size_vox) for start in starts]))[None, :, None]

    def _cut(self, start: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        box = tuple(slice(at, at + size) for at, size in zip(start, size_vox, strict=True))
        return to_values(self.stored[box])


def in_words(values: Sequence[float]) -> str:
    """Returns numbers as a person reads them.

    Example:
        >>> in_words((8.0, 8.0, 2.5))
        '(8, 8, 2.5)'
    """
    return "(" + ", ".join(f"{float(value):g}" for value in values) + ")"


def _triple_mm(values: Float[np.ndarray, "3"]) -> TripleMm:
    return float(values[0]), float(values[1]), float(values[2])
