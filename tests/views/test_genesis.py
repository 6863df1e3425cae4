"""The distortions of Models Genesis, each against the law that it keeps."""

import numpy as np
import pytest

from orienteer.views.genesis import bent, painted, shuffled


def view(size: tuple[int, int, int] = (12, 9, 10), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_curves_keep_or_reverse_the_order_of_intensities_and_the_ends_of_the_range(seed):
    ramp = np.linspace(-1, 1, 512, dtype=np.float32).reshape(8, 8, 8)
    mapped = bent(np.random.default_rng(seed), ramp).reshape(-1)
    steps = np.diff(mapped)
    assert (steps >= -1e-6).all() or (steps <= 1e-6).all()
    assert sorted([mapped[0], mapped[-1]]) == pytest.approx([-1, 1], abs=1e-6)


def test_curves_rise_in_about_half_of_the_draws():
    ramp = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 2, 2)
    rising = [bent(np.random.default_rng(seed), ramp)[0, 0, 0] < 0 for seed in range(200)]
    assert 0.4 < np.mean(rising) < 0.6


@pytest.mark.parametrize("size", [(12, 9, 10), (40, 33, 17), (2, 2, 2), (1, 5, 5)])
def test_shuffling_keeps_the_voxels_and_moves_them_within_small_blocks(size):
    before = np.arange(np.prod(size), dtype=np.float32).reshape(size)
    after = shuffled(np.random.default_rng(1), before)
    assert np.array_equal(np.sort(after, axis=None), before.reshape(-1))
    moved = np.abs(np.array(np.unravel_index(after.astype(int), size)) - np.indices(size))
    assert all(moved[axis].max() <= max(1, size[axis] // 8) for axis in range(3))


@pytest.mark.parametrize("seed", range(8))
def test_painting_outside_leaves_a_larger_part_than_painting_inside_takes(seed):
    size = (24, 21, 30)
    inside = painted(np.random.default_rng(seed), size, inside_share=1.0)
    outside = painted(np.random.default_rng(seed), size, inside_share=0.0)
    assert inside.shape == outside.shape == size
    assert 0 < inside.mean() <= 5 / 27 + 0.05
    assert 0.05 < (~outside).mean() < 1


def test_the_input_is_not_modified():
    original = view()
    kept = original.copy()
    for distortion in (bent, shuffled):
        distortion(np.random.default_rng(0), original)
    assert np.array_equal(original, kept)
