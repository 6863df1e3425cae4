"""Pairs in parts that fit in memory, sets that pairs connect, and places that follow from thousands of shifts."""

import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from orienteer.screening.connected import connected
from orienteer.screening.extents import extents_of
from orienteer.screening.low_resolution import LowResolution
from orienteer.screening.nearest import nearest_others
from orienteer.screening.shifts import Shift
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.tiles import TILE, parts_of, tiles


@pytest.mark.parametrize("count", [2, TILE, 2 * TILE + 7])
def test_tiles_hold_every_pair_once(count: int) -> None:
    pairs = [tuple(sorted((numbers[i], numbers[j]))) for numbers, here in tiles(count) for i, j in here]
    assert sorted(pairs) == list(combinations(range(count), 2))


def test_parts_hold_every_wanted_pair_once_and_few_scans() -> None:
    rng = np.random.default_rng(0)
    wanted = {(int(min(pair)), int(max(pair))) for pair in rng.integers(0, 500, (3000, 2)) if pair[0] != pair[1]}
    parts = list(parts_of(sorted(wanted)))
    assert max(len(numbers) for numbers, _ in parts) <= 2 * TILE
    assert sorted((numbers[i], numbers[j]) for numbers, here in parts for i, j in here) == sorted(wanted)


def test_connected_sets_are_those_of_a_naive_search() -> None:
    rng = np.random.default_rng(1)
    names = [f"scan {number:03d}" for number in range(120)]
    pairs = [(names[i], names[j]) for i, j in rng.integers(0, 120, (70, 2))]
    group = {name: {name} for name in names}
    for first, second in pairs:
        joined = group[first] | group[second]
        for name in joined:
            group[name] = joined
    assert set(connected(names, pairs)) == {tuple(sorted(each)) for each in group.values()}


def test_nearest_others_are_those_of_a_naive_loop() -> None:
    vectors = np.random.default_rng(2).normal(size=(300, 7)).astype(np.float32)
    nearest, far = nearest_others(vectors, 5)
    for number in (0, 131, 299):
        apart = np.linalg.norm(vectors - vectors[number], axis=1)
        order = [int(at) for at in np.argsort(apart) if at != number][:5]
        assert nearest[number].tolist() == order
        assert far[number] == pytest.approx(apart[order], rel=1e-4)


def test_places_of_thousands_of_scans_follow_from_their_shifts(tmp_path: Path) -> None:
    """A dense table of these ties would take 1 GB; some shifts are wrong, and must not count."""
    rng, count = np.random.default_rng(3), 3000
    copies = SmallCopies(tmp_path)
    small = LowResolution(np.zeros((2, 2, 3), np.uint8), 4.0, (0.0, 0.0, 0.0))
    names = [f"scan {number:04d}" for number in range(count)]
    for name in names:
        copies.add(name, small)
    truth = rng.uniform(-200, 200, (count, 3))
    shifts = {}
    for number in range(count):
        for other in rng.integers(0, count, 8).tolist():
            if other != number:
                first, second = sorted((number, other))
                off_mm = rng.normal(0, 3, 3) if rng.random() > 0.1 else rng.uniform(-300, 300, 3)
                left, deep, high = (truth[first] - truth[second] + off_mm).tolist()
                shifts[names[first], names[second]] = Shift(float(rng.uniform(0.6, 1)), (left, deep, high), 1.0)
    began = time.process_time()
    extents = extents_of(copies, shifts)
    assert time.process_time() - began < 60
    assert {extent.frame for extent in extents.values()} == {1}
    places = np.array([extents[name].begin_mm for name in names])
    off = (places - truth) - np.median(places - truth, axis=0)
    assert np.quantile(np.linalg.norm(off, axis=1), 0.95) < 12
