"""What the values of a scan say: their range, what is clipped, whether they look like HU, what was burned in."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

MOST_SAMPLES = 400_000
"""Voxels that are sampled: a share of a per cent is then known to a few hundredths."""

LEVELS = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Levels of the quantiles that are kept."""

AIR, LUNG, TISSUE = (-1060.0, -900.0), (-900.0, -500.0), (-150.0, 200.0)
"""HU of air, of lung, and of fat and soft tissue with contrast medium."""

DENSE = 850.0
"""HU of dense bone, metal and dense contrast medium lie above."""

SHIFTS = (0.0, 1024.0, 1000.0, -1024.0, -1000.0)
"""What may have been added to HU: nothing, the offset that scanners store, or it was subtracted once more."""

LEAST_TISSUE = 0.03
"""No CT of a body has less of its voxels in fat and soft tissue."""

ALIKE = 0.03
"""Shifts whose values look equally like HU but for this share: the first of them in `SHIFTS` is taken."""

PEAKS, HALF_PEAK = ((-130.0, -60.0), (-10.0, 120.0)), 50.0
"""HU of fat and of soft tissue, in which the commonest value of a CT's tissue lies, and half the width of such a peak."""

Volume = Float32[np.ndarray, "size0 size1 size2"]


@dataclass(frozen=True)
class ValueFacts:
    """What the values say.

    Attributes:
        lowest: the least value.
        highest: the largest.
        quantiles: at `LEVELS`.
        distinct: different values in the sample, at most 1000 are counted.
        whole: whether all sampled values are whole numbers.
        at_lowest: share of voxels with the least value.
        at_highest: share of voxels with the largest value.
        shift: the entry of `SHIFTS` without which the values look most like HU.
        like_hu: share of voxels in air, lung or tissue without that shift, less that of dense bone; 0 where tissue is missing.
        like_hu_as_is: the same as the values are.
        peak: share of the tissue within 50 HU of its commonest value, without that shift; 0 where this value is neither fat nor
            soft tissue. MR of the same range spreads wider.
        burned: columns across slices that are constant, bright, and unlike their surroundings.
        burned_at: a share along each axis where the first of them is.
    """

    lowest: float
    highest: float
    quantiles: tuple[float, ...]
    distinct: int
    whole: bool
    at_lowest: float
    at_highest: float
    shift: float
    like_hu: float
    like_hu_as_is: float
    peak: float
    burned: int
    burned_at: tuple[float, float, float]


def value_facts(voxels: Volume, slice_axis: int) -> ValueFacts:
    """Returns what the values of a scan say.

    Args:
        voxels: as they are read.
        slice_axis: the axis across which slices lie; lines are burned into slices.

    Example:
        >>> body = np.full((20, 20, 20), -1000, np.float32)
        >>> body[4:16, 4:16, 4:16] = 40
        >>> value_facts(body, 2).shift, value_facts(body + 1024, 2).shift, value_facts(body - 1024, 2).shift
        (0.0, 1024.0, -1024.0)
    """
    sample = voxels.reshape(-1)[:: max(1, voxels.size // MOST_SAMPLES)]
    lowest, highest = float(voxels.min()), float(voxels.max())
    likeness = [_like_hu(sample - shift) for shift in SHIFTS]
    best = next(at for at, value in enumerate(likeness) if value >= max(likeness) - ALIKE)
    burned, at = _burned(voxels, slice_axis, float(np.quantile(sample, 0.95)))
    return ValueFacts(
        lowest=lowest,
        highest=highest,
        quantiles=tuple(np.quantile(sample, LEVELS).astype(float).tolist()),
        distinct=min(1000, np.unique(sample).size),
        whole=bool(np.all(sample == np.rint(sample))),
        at_lowest=float(np.mean(sample == lowest)),
        at_highest=float(np.count_nonzero(voxels == highest) / voxels.size),
        shift=SHIFTS[best],
        like_hu=likeness[best],
        like_hu_as_is=likeness[0],
        peak=_peak(sample - SHIFTS[best]),
        burned=burned,
        burned_at=at,
    )


def _like_hu(values: Float32[np.ndarray, " samples"]) -> float:
    """Returns the share of values that are HU of air, lung or tissue, less dense bone; 0 without tissue."""
    air, lung, tissue = (float(np.mean((values >= low) & (values < high))) for low, high in (AIR, LUNG, TISSUE))
    bone = float(np.mean(values > DENSE))
    return max(0.0, air + lung + tissue - bone) if tissue >= LEAST_TISSUE else 0.0


def _peak(values: Float32[np.ndarray, " samples"]) -> float:
    """Returns the share of fat and soft tissue that lies near its commonest value, if that is one of fat or of soft tissue."""
    tissue = values[(values >= TISSUE[0]) & (values < TISSUE[1])]
    if tissue.size == 0:
        return 0.0
    counts, edges = np.histogram(tissue, bins=35, range=TISSUE)
    mode = float(edges[int(counts.argmax())]) + 5.0
    if not any(low <= mode <= high for low, high in PEAKS):
        return 0.0
    return float(np.mean(np.abs(tissue - mode) <= HALF_PEAK))


def _burned(voxels: Volume, axis: int, bright: float) -> tuple[int, tuple[float, float, float]]:
    """Returns how many columns are constant, bright and unlike a neighbour, and where: noise leaves no column constant."""
    if voxels.shape[axis] < 4:
        return 0, (0.5, 0.5, 0.5)
    low, high = voxels.min(axis), voxels.max(axis)
    constant = (low == high) & (low >= bright) & (low > float(voxels.min()))
    if not constant.any():
        return 0, (0.5, 0.5, 0.5)
    first = [float(place) for place in np.argwhere(constant).mean(0) / np.maximum(np.array(constant.shape) - 1, 1)]
    first.insert(axis, 0.5)
    return int(constant.sum()), (first[0], first[1], first[2])
