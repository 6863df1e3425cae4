"""The loss of the header reader: least for a right answer that is not sure of itself beyond reason."""

from types import SimpleNamespace

import pytest
import torch

from orienteer.headers.network import HeaderPrediction
from orienteer.headers.training import SMOOTHING, header_loss

CUBES, RIGHT_SIZE = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 3)


def loss(lead: float, error: float = 0.0, scale: float = 1.0) -> float:
    """Returns the loss of an answer in which the right orientation leads all others by so much, in logs."""
    numbers = torch.zeros(1, 48)
    numbers[0, 0] = lead
    seen = HeaderPrediction(numbers.log_softmax(-1), torch.full((1, 48, 3), error), torch.full((1, 48, 3), scale))
    return float(header_loss(SimpleNamespace(with_each_undone=lambda cubes: seen), CUBES, RIGHT_SIZE))


def test_the_right_answer_costs_less_than_none_and_a_wrong_one_more() -> None:
    assert loss(4.0) < loss(0.0) < loss(-4.0)


def test_the_least_loss_is_that_of_the_smoothed_target() -> None:
    right = 1 - SMOOTHING + SMOOTHING / 48
    best = torch.tensor(right / (SMOOTHING / 48)).log().item()
    assert all(loss(best) < loss(best + off) for off in (-1.0, -0.1, 0.1, 1.0))
    assert loss(30.0) > loss(best) + 2  # to be sure of itself costs


def test_the_voxel_size_counts_by_its_error_and_the_scale_of_it() -> None:
    assert loss(4.0, error=0.5) - loss(4.0) == pytest.approx(0.5)
    assert loss(4.0, error=0.5, scale=0.5) - loss(4.0, scale=0.5) == pytest.approx(1.0)
    assert loss(4.0, scale=0.5) < loss(4.0)
