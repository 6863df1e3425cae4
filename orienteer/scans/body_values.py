"""The values of a scan's body, as a few quantiles: what the intensity rule of a collection is chosen from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from orienteer.scans.body import body_mask
from orienteer.scans.read import read_scan
from orienteer.scans.source import ScanSource, Selection
from orienteer.types import TripleMm

LEVELS = np.linspace(0.0, 1.0, 1001)
"""The levels of the quantiles, in steps of a tenth of a per cent."""

MOST_VOXELS = 1_000_000
"""Approximate number of voxels that are looked at: a coarser grid estimates a share to a few tenths of a per cent."""


@dataclass(frozen=True)
class BodyValues:
    """The values of one scan's body.

    Attributes:
        modality: ``CT`` or ``MR``.
        quantiles: of the body's voxels at ``LEVELS``; in HU for CT.
    """

    modality: str
    quantiles: Float32[np.ndarray, "1001"]

    def share_below(self, value: float) -> float:
        """Returns the share of the body's voxels below a value, 0 to 1.

        Example:
            >>> BodyValues("CT", np.linspace(-1000, 1000, 1001, dtype=np.float32)).share_below(-500.0)
            0.25
        """
        return min(1.0, float(np.searchsorted(self.quantiles, value) / (len(self.quantiles) - 1)))


def body_values(source: ScanSource, selection: Selection) -> BodyValues:
    """Returns the values of a scan's body, of a scan without one those of all its voxels.

    Raises:
        ScanError: the scan cannot be read.
    """
    scan = read_scan(source, selection)
    step = max(1, round((scan.voxels.size / MOST_VOXELS) ** (1 / 3)))
    voxels = np.ascontiguousarray(scan.voxels[::step, ::step, ::step])
    left, back, foot = (step * length for length in scan.spacing_mm)
    spacing_mm: TripleMm = (left, back, foot)
    mask = body_mask(voxels, scan.modality, spacing_mm)
    values = voxels[mask] if mask.any() else voxels.reshape(-1)
    return BodyValues(scan.modality, np.quantile(values, LEVELS).astype(np.float32))
