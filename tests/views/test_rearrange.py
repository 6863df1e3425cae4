"""A turn can be undone, orders are permutations far apart, and cubes move as their order requires."""

import numpy as np
import pytest
import torch

from orienteer.views.rearrange import ORDERS, TURNS, UNTOUCHED, cube_orders, fitting_turns, reordered, turned


def images(views: int = 3, size: tuple[int, int, int] = (8, 12, 8), seed: int = 0) -> torch.Tensor:
    return torch.rand(views, 1, *size, generator=torch.Generator().manual_seed(seed)) + 0.5


def test_fitting_turns_are_those_that_keep_the_shape():
    for size in ((6, 6, 6), (6, 6, 8), (6, 8, 6), (8, 6, 6), (4, 6, 8)):
        view = torch.zeros(1, *size)
        kept = tuple(number for number in range(len(TURNS)) if turned(view, number).shape == view.shape)
        assert fitting_turns(size) == kept


def test_views_that_are_not_examples_stay_unchanged():
    view = images(1)[0]
    assert turned(view, UNTOUCHED) is view
    assert reordered(view, UNTOUCHED) is view


def test_the_last_voxel_of_an_odd_axis_stays_in_place():
    view = images(1, (5, 4, 4))[0]
    assert torch.equal(reordered(view, 3)[:, 4], view[:, 4])


@pytest.mark.parametrize("number", range(1, len(TURNS)))
def test_a_turn_is_undone_by_the_rest_of_a_full_one(number):
    axis, quarter = TURNS[number]
    view = images(1, (6, 6, 6))[0]
    back = TURNS.index((axis, 4 - quarter))
    assert not torch.equal(turned(view, number), view)
    assert torch.equal(turned(turned(view, number), back), view)
    others = [other + 1 for other in range(3) if other != axis]
    assert torch.allclose(turned(view, number).mean(dim=others), view.mean(dim=others))  # along its axis all stays


def test_orders_differ_and_the_first_leaves_everything():
    orders = cube_orders()
    assert len(orders) == ORDERS == len(set(orders))
    assert orders[0] == tuple(range(8))
    far = [sum(a != b for a, b in zip(orders[i], orders[j], strict=True)) for i in range(ORDERS) for j in range(i)]
    assert min(far) >= 6
    view = images(1)[0]
    assert torch.equal(reordered(view, 0), view)


def test_cubes_are_moved_as_the_order_says():
    view = torch.zeros(1, 4, 4, 4)
    for number, (i, j, k) in enumerate(np.ndindex(2, 2, 2)):
        view[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, 2 * k : 2 * k + 2] = number
    for number, order in enumerate(cube_orders()):
        assert reordered(view, number)[0, ::2, ::2, ::2].reshape(-1).tolist() == list(order)
