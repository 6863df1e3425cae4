"""Batches of steps depend on the step alone, and every item comes once before any comes again."""

import pytest
import torch
from torch.utils.data import Dataset

from orienteer.finetuning.step_batches import shuffled_index, step_batches


class Numbers(Dataset[int]):
    def __getitem__(self, step: int) -> int:
        return step * 10


@pytest.mark.parametrize("count", [1, 3, 7])
def test_every_item_comes_once_in_each_round(count):
    order = [shuffled_index(position, count, seed=1) for position in range(4 * count)]
    rounds = [order[begin : begin + count] for begin in range(0, len(order), count)]
    assert all(sorted(items) == list(range(count)) for items in rounds)


def test_the_order_changes_from_round_to_round_and_with_the_seed():
    def order(seed: int, begin: int) -> list[int]:
        return [shuffled_index(position, 8, seed) for position in range(begin, begin + 8)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 8)
    assert order(0, 0) != order(1, 0)


def test_a_resumed_loader_continues_where_it_was_stopped():
    whole = list(step_batches(Numbers(), range(6), workers=0, seed=0))
    assert whole == [0, 10, 20, 30, 40, 50]
    assert list(step_batches(Numbers(), range(4, 6), workers=0, seed=0)) == whole[4:]


def test_loading_leaves_other_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    list(step_batches(Numbers(), range(3), workers=0, seed=0))
    assert torch.equal(torch.rand(1), expected)
