"""What slices say about each other: which repeat, whether they are in order, whether they were interpolated.

All of it comes from a few numbers a slice (means over a grid of 16 x 16 blocks) and from a sample of columns across slices.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Num

BLOCKS = 16
"""A slice is compared with others by the means of 16 x 16 blocks."""

MOST_SLICES = 512
"""Slices that are compared with each other at once; longer stacks are looked at in overlapping parts."""

FLOOR = 0.25
"""Share of the usual step between neighbours that is added to both sides when steps are compared: steps within air are nearly
0, and their ratios mean nothing."""

SLOWEST = 8
"""Ripples of more slices than this are anatomy, not interpolation: slices of 8 mm are rarely resampled to less than 1 mm."""

ENOUGH_SLICES = 32
"""In fewer slices a ripple may be chance."""

LEAST_SHOWN = 0.01
"""Slices of which less is above the least value are air and perhaps a table: those that are clipped may well be equal."""

COLUMNS = 64
"""Columns across the slices that are looked at, along each of the other two axes."""

Volume = Float32[np.ndarray, "size0 size1 size2"]


@dataclass(frozen=True)
class SliceFacts:
    """What the slices across one axis say.

    Attributes:
        slices: how many there are.
        empty: how many are constant.
        repeated: how many are equal to the one before, aside from those that show nothing but air.
        first_repeated: number of the first of them; -1 for none.
        disorder: how much shorter the way through the slices is if one stretch of them is turned round, as a share of the
            two steps that replace its ends. A sound stack is near 0, two exchanged neighbours give 1.
        disorder_at: where that stretch begins.
        smoothness: median correlation of neighbours.
        ripple: log amplitude of the strongest regular change of the roughness from slice to slice.
        ripple_slices: its period.
    """

    slices: int
    empty: int
    repeated: int
    first_repeated: int
    disorder: float
    disorder_at: int
    smoothness: float
    ripple: float
    ripple_slices: float


def slice_facts(voxels: Volume, axis: int) -> SliceFacts:
    """Returns what the slices across an axis say about each other.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> volume = rng.normal(size=(24, 24, 1)).cumsum(0) * np.sin(np.arange(40) / 9) + rng.normal(0, 0.05, (24, 24, 40))
        >>> exchanged = volume[:, :, [*range(20), 21, 20, *range(22, 40)]]
        >>> sound, wrong = (slice_facts(each.astype(np.float32), 2) for each in (volume, exchanged))
        >>> sound.disorder < 0.3 < 0.7 < wrong.disorder
        True
    """
    moved = np.moveaxis(voxels, axis, 0)
    features = _features(moved)
    steps = np.sqrt(((features[1:] - features[:-1]) ** 2).mean(1))
    empty = np.array(
        [
            float(part.min()) == float(part.max()) if flat else False
            for part, flat in zip(moved, _flat(features), strict=True)
        ]
    )
    like = [k for k in np.flatnonzero(steps == 0) + 1 if not empty[k] and np.array_equal(moved[k], moved[k - 1])]
    lowest = float(moved.min()) if like else 0.0
    same = [k for k in like if np.mean(moved[k] > lowest) >= LEAST_SHOWN]
    disorder, at = _disorder(features)
    ripple, period = _ripple(moved, empty)
    return SliceFacts(
        slices=len(moved),
        empty=int(empty.sum()),
        repeated=len(same),
        first_repeated=int(same[0]) if same else -1,
        disorder=disorder,
        disorder_at=at,
        smoothness=_smoothness(features[~empty]),
        ripple=ripple,
        ripple_slices=period,
    )


def _features(moved: Num[np.ndarray, "slices rows columns"]) -> Float64[np.ndarray, "slices blocks"]:
    """Returns the means over blocks of each slice."""
    sums = moved
    count: float | np.ndarray = 1.0
    for axis in (1, 2):
        size = moved.shape[axis]
        edges = np.unique(np.linspace(0, size, min(BLOCKS, size) + 1).astype(int)[:-1])
        sums = np.add.reduceat(sums, edges, axis=axis, dtype=np.float64 if axis == 2 else np.float32)
        count = count * np.diff(np.append(edges, size)).reshape([-1 if other == axis else 1 for other in range(1, 3)])
    means: np.ndarray = (sums / count).reshape(len(moved), -1)
    return means


def _flat(features: Float64[np.ndarray, "slices blocks"]) -> np.ndarray:
    """Returns which slices may be constant: all blocks nearly have one mean."""
    spread = features.max(1) - features.min(1)
    flat: np.ndarray = spread <= 1e-3 * max(float(spread.max()), 1e-12)
    return flat


def _disorder(features: Float64[np.ndarray, "slices blocks"]) -> tuple[float, int]:
    best, at = 0.0, 0
    for start in range(0, max(1, len(features) - MOST_SLICES // 8), MOST_SLICES - MOST_SLICES // 8):
        value, where = _disorder_of(features[start : start + MOST_SLICES])
        if value > best:
            best, at = value, start + where
    return best, at


def _disorder_of(features: Float64[np.ndarray, "slices blocks"]) -> tuple[float, int]:
    if len(features) < 4:
        return 0.0, 0
    squares = (features**2).mean(1)
    apart = squares[:, None] + squares[None] - 2 * features @ features.T / features.shape[1]
    apart = np.sqrt(np.maximum(apart, 0))
    steps = np.diagonal(apart, 1)  # from k to k + 1
    usual = float(np.median(steps))
    if usual <= 0:
        return 0.0, 0
    # Turning slices i + 1 to j round replaces the steps at both ends.
    now = steps[:, None] + steps[None] + FLOOR * usual
    then = apart[:-1, :-1] + apart[1:, 1:] + FLOOR * usual
    gain = np.triu(now / then - 1, 1)
    i, j = np.unravel_index(int(gain.argmax()), gain.shape)
    return float(gain[i, j]), int(i) + 1


def _smoothness(features: Float64[np.ndarray, "slices blocks"]) -> float:
    if len(features) < 2:
        return 1.0
    centred = features - features.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1)
    products = (centred[1:] * centred[:-1]).sum(1) / np.maximum(lengths[1:] * lengths[:-1], 1e-12)
    return float(np.median(products))


def _ripple(moved: Num[np.ndarray, "slices rows columns"], empty: np.ndarray) -> tuple[float, float]:
    """Returns log amplitude and period of the strongest regular change of how rough columns are at each slice.

    Values between two slices of a thicker scan are weighted means of these, and smoother than values at a slice: resampling
    leaves a pattern with the ratio of the two slice distances. A sound scan is equally rough everywhere, but for anatomy,
    which changes slowly.
    """
    strides = [max(1, size // COLUMNS) for size in moved.shape[1:]]
    columns = moved[~empty, :: strides[0], :: strides[1]].astype(np.float64)
    if len(columns) < ENOUGH_SLICES:
        return 0.0, 0.0
    bends = columns[1:-1] - (columns[2:] + columns[:-2]) / 2
    rough = np.sqrt((bends**2).mean((1, 2)))
    if not rough.max() > 0:
        return 0.0, 0.0
    logs = np.log(rough + 0.02 * float(np.median(rough)) + 1e-12)
    slow = np.array([np.median(logs[max(0, k - SLOWEST) : k + SLOWEST + 1]) for k in range(len(logs))])
    changes = logs - slow
    changes = np.clip(changes - changes.mean(), -3, 3) * np.hanning(len(changes))
    spectrum = np.abs(np.fft.rfft(changes)) * 4 / len(changes)
    rates = np.fft.rfftfreq(len(changes))
    spectrum[rates < 1 / SLOWEST] = 0
    peak = int(spectrum.argmax())
    return float(spectrum[peak]), float(1 / rates[peak]) if rates[peak] else 0.0
