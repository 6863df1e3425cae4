"""The shift at which two scans agree best, over all shifts at once, by their detail at a coarse step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float32, Float64
from scipy.fft import irfftn, next_fast_len, rfftn

from orienteer.screening.detail import Copy, at_step, detail

COARSE = 4
"""Steps of the small copy that are one step here: 16 mm for a trunk, 8 mm for a head."""

LEAST_OVERLAP = 0.5
"""Share of the smaller scan that must overlap: small overlaps agree by chance."""


@dataclass(frozen=True)
class Shift:
    """How well two scans agree at the best shift.

    Attributes:
        agreement: correlation of their detail in the overlap.
        shift_mm: from a place of the first to the same place of the second, both counted from their first voxel.
        overlap: share of the smaller one that lies in the other.
    """

    agreement: float
    shift_mm: tuple[float, float, float]
    overlap: float


@dataclass(frozen=True)
class _Transformed:
    """What every pair of a scan needs: the spectrum of its detail, and sums of its energy from the first voxel on."""

    spectrum: np.ndarray
    energy: Float64[np.ndarray, "more0 more1 more2"]
    shape: tuple[int, ...]


def best_shifts(copies: Sequence[Copy], pairs: Sequence[tuple[int, int]] | None = None) -> dict[tuple[int, int], Shift]:
    """Returns the best shift of each pair of scans, by their numbers.

    Args:
        copies: of the scans.
        pairs: which pairs; by default all.
    """
    wanted = list(combinations(range(len(copies)), 2)) if pairs is None else list(pairs)
    shifts: dict[tuple[int, int], Shift] = {}
    steps = sorted({form.step_mm for _, form in copies})
    for step in steps:  # two scans are compared at the coarser of their steps
        here = [(i, j) for i, j in wanted if max(copies[i][1].step_mm, copies[j][1].step_mm) == step]
        members = sorted({number for pair in here for number in pair})
        if not members:
            continue
        small = {number: detail(at_step(copies[number], step * COARSE)) for number in members}
        padded = _padded(small.values())
        spectra = {number: _transformed(each, padded) for number, each in small.items()}
        for i, j in here:
            shifts[i, j] = _best(spectra[i], spectra[j], padded, step * COARSE)
    return shifts


def _padded(volumes: object) -> tuple[int, ...]:
    largest = np.max([each.shape for each in volumes], axis=0)  # type: ignore[attr-defined]
    return tuple(next_fast_len(int(2 * size), real=True) for size in largest)


def _transformed(volume: Float32[np.ndarray, "size0 size1 size2"], padded: tuple[int, ...]) -> _Transformed:
    energy = np.zeros([size + 1 for size in volume.shape])
    energy[1:, 1:, 1:] = (volume.astype(np.float64) ** 2).cumsum(0).cumsum(1).cumsum(2)
    return _Transformed(rfftn(volume, padded), energy, volume.shape)


def _best(first: _Transformed, second: _Transformed, padded: tuple[int, ...], step_mm: float) -> Shift:
    """Returns the best shift: voxel v of the first is voxel v + shift of the second."""
    products = irfftn(np.conj(first.spectrum) * second.spectrum, padded)
    ranges = [np.arange(1 - a, b) for a, b in zip(first.shape, second.shape, strict=True)]
    products = products[np.ix_(*ranges)]  # negative shifts lie at the other end
    starts = [np.maximum(0, -shift) for shift in ranges]
    ends = [np.minimum(a, b - shift) for shift, a, b in zip(ranges, first.shape, second.shape, strict=True)]
    of_first = _sums(first.energy, starts, ends)
    of_second = _sums(
        second.energy,
        [s + r for s, r in zip(starts, ranges, strict=True)],
        [e + r for e, r in zip(ends, ranges, strict=True)],
    )
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    volume = lengths[0][:, None, None] * lengths[1][:, None] * lengths[2]
    overlap = volume / min(np.prod(first.shape), np.prod(second.shape))
    agreement = products / np.sqrt(np.maximum(of_first * of_second, 1e-9))
    agreement[overlap < LEAST_OVERLAP] = -1
    at = np.unravel_index(int(agreement.argmax()), agreement.shape)
    x, y, z = (float(shift[place]) * step_mm for shift, place in zip(ranges, at, strict=True))
    return Shift(float(agreement[at]), (x, y, z), float(overlap[at]))


def _sums(energy: np.ndarray, starts: list[np.ndarray], ends: list[np.ndarray]) -> np.ndarray:
    """Returns the sums over all boxes between starts and ends, from sums that begin at the first voxel."""
    total = np.zeros([len(each) for each in starts])
    for corner in range(8):
        at = [ends[axis] if corner >> axis & 1 else starts[axis] for axis in range(3)]
        sign = 1 if (corner.bit_count() % 2) == 1 else -1
        total += sign * energy[np.ix_(*at)]
    return total
