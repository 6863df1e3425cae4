"""The order of parts, and accuracies against a plain loop."""

import numpy as np
import pytest
import torch

from orienteer.tasks.parts import extreme_pairs, part_accuracies, part_corners, part_cosines, parts_by_pair


def test_parts_come_in_the_order_near_and_far_of_the_first_then_of_the_second_view():
    batch, views = 2, 3
    number = torch.arange(batch * views * views * 2.0).reshape(batch, views, views, 2)  # batch i j side
    low, high = part_corners(number[..., None].expand(*number.shape, 3), (4.0, 6.0, 8.0))
    torch.testing.assert_close(high - low, torch.tensor([4.0, 6.0, 8.0]).expand(batch * views, views * 2, 3))
    parts = parts_by_pair((low[..., :1] + high[..., :1]) / 2, batch, views)[..., 0]
    for item in range(batch):
        for row, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
            expected = [number[item, i, j, 0], number[item, i, j, 1], number[item, j, i, 0], number[item, j, i, 1]]
            assert parts[item, row].tolist() == expected


def test_accuracies_equal_a_loop_and_ties_count_as_chance():
    cosines = torch.randint(-2, 3, (5, 6, 4, 4), generator=torch.Generator().manual_seed(0)) / 2  # many ties
    near_far, near_best = [], []
    for table in cosines.reshape(-1, 4, 4).tolist():
        six = [table[a][b] for a in range(4) for b in range(a + 1, 4)]
        near, far = table[0][2], table[1][3]
        near_far.append(1.0 if near > far else 0.5 if near == far else 0.0)
        near_best.append(1 / six.count(max(six)) if near == max(six) else 0.0)
    accuracies = part_accuracies(cosines)
    assert accuracies["near_far_accuracy"].item() == pytest.approx(np.mean(near_far), abs=1e-6)
    assert accuracies["near_best_accuracy"].item() == pytest.approx(np.mean(near_best), abs=1e-6)


def test_extreme_pairs_are_those_of_the_upper_triangle():
    rng = np.random.default_rng(0)
    for _ in range(20):
        cosines = rng.uniform(-1, 1, (4, 4))
        values = {(a, b): cosines[a, b] for a in range(4) for b in range(a + 1, 4)}
        assert extreme_pairs(cosines) == (max(values, key=values.get), min(values, key=values.get))


def test_a_part_that_is_all_zero_is_similar_to_none():
    parts = torch.randn(1, 1, 4, 8)
    parts[0, 0, 2] = 0
    assert (part_cosines(parts)[0, 0, 2] == 0).all()
