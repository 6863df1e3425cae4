"""The most frequent label at each place, against a loop over voxels."""

import numpy as np
import pytest

from orienteer.probing.majority_map import MajorityMap
from orienteer.probing.sampling import lattice


def test_majority_map_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 3, shape).astype(np.uint8) for shape in ((6, 5, 4), (4, 5, 4), (5, 4, 4), (6, 6, 3))]
    majority = MajorityMap(maps, 3)
    for shape in ((6, 5, 4), (8, 3, 4)):
        for point in np.ndindex(*shape):
            votes = [0, 0, 0]
            for labels in maps:
                place = [p - s // 2 + n // 2 for p, s, n in zip(point, shape, labels.shape, strict=True)]
                if all(0 <= p < n for p, n in zip(place, labels.shape, strict=True)):
                    votes[labels[tuple(place)]] += 1
            assert majority.at(np.array([point]), shape)[0] == int(np.argmax(votes)), (shape, point)


def test_a_coarser_majority_map_keeps_large_structures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orienteer.probing.majority_map.MOST_CELLS", 1000)
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[:, :, 20:] = 1
    majority = MajorityMap([labels, labels], 2)
    points = lattice((40, 40, 40), 10**6)
    assert majority.majority.size * 2 <= 1000
    assert (majority.at(points, (40, 40, 40)) == labels[tuple(points.T)]).mean() > 0.85
