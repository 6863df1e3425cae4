"""The axes of nnU-Net's arrays in the body: laws of turning, and letters that are no axes."""

from itertools import permutations

import pytest
import torch

from orienteer.errors import InputError
from orienteer.exports.nnunet_axes import axis_map


@pytest.mark.parametrize("axes", ["RAX", "RRS", "RA", ""])
def test_letters_that_are_not_three_axes_are_refused(axes: str) -> None:
    with pytest.raises(InputError, match="file_axes: wanted three letters such as RAS"):
        axis_map(axes)


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 1), (1, 2, 3)])
def test_a_transpose_that_is_no_permutation_is_refused(order: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="plans: wanted a transpose_forward of 0, 1, 2"):
        axis_map("RAS", order)


@pytest.mark.parametrize("transpose_forward", [*permutations(range(3))])
@pytest.mark.parametrize("axes", ["RAS", "LPS", "SLA", "PIR"])
def test_sizes_go_to_the_arrays_and_back(axes: str, transpose_forward: tuple[int, int, int]) -> None:
    axis = axis_map(axes, transpose_forward)
    assert axis.body_triple(axis.triple([2, 3, 5])) == [2, 3, 5]


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SLA", "PIR"])
def test_turned_images_have_the_values_of_a_naive_loop(axes: str) -> None:
    image = torch.rand(1, 1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    axis = axis_map(axes)
    turned = axis.turn(image)[0, 0]
    assert list(turned.shape) == axis.triple([2, 3, 4])
    for place in ((0, 0, 0), (1, 0, 1), (0, 2, 1)):
        at = [place[n] % turned.shape[n] for n in range(3)]
        body = [0, 0, 0]
        for n in range(3):
            body[axis.order[n]] = turned.shape[n] - 1 - at[n] if axis.flipped[n] else at[n]
        assert turned[tuple(at)] == image[0, 0, body[0], body[1], body[2]]


def test_weights_of_norms_and_biases_are_not_turned() -> None:
    state = {"norm.weight": torch.rand(4), "conv.weight": torch.rand(4, 1, 3, 3, 3)}
    turned = axis_map("LPS").turn_weights(state)
    assert torch.equal(turned["norm.weight"], state["norm.weight"])
    assert torch.equal(turned["conv.weight"], state["conv.weight"].permute(0, 1, 4, 3, 2).flip(3, 4))
