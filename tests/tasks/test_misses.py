"""How far predictions are off, as squares and as lengths, against plain loops, and in the tasks that use it."""

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.methods import TaskUse, task_config
from orienteer.tasks.misses import component_miss, number_miss
from tests.helpers.synthetic import UNIT_MM, make_features, make_task, make_views

ERRORS = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))


def test_a_square_is_the_mean_over_components_and_a_length_that_over_vectors():
    flat = ERRORS.reshape(-1, 3).double().numpy()
    assert component_miss(ERRORS, "square").item() == pytest.approx(np.mean([e @ e / 3 for e in flat]), rel=1e-5)
    assert component_miss(ERRORS, "length").item() == pytest.approx(np.mean([(e @ e) ** 0.5 for e in flat]), rel=1e-5)
    assert number_miss(ERRORS, "square").item() == pytest.approx((flat**2).mean(), rel=1e-5)
    assert number_miss(ERRORS, "length").item() == pytest.approx(np.abs(flat).mean(), rel=1e-5)


def test_the_gradient_of_a_length_does_not_fade_with_the_error():
    large, small = (torch.tensor([[size, 0.0, 0.0]], requires_grad=True) for size in (1.0, 0.01))
    for errors in (large, small):
        component_miss(errors, "length").backward()
    assert large.grad.norm().item() == pytest.approx(small.grad.norm().item()) == pytest.approx(1.0)


@pytest.mark.parametrize("form", ["square", "length"])
def test_no_error_is_no_loss_and_has_a_gradient_of_zero(form):
    errors = torch.zeros(2, 3, requires_grad=True)
    loss = component_miss(errors, form)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(errors.grad, torch.zeros(2, 3))


@pytest.mark.parametrize(("name", "key"), [("gap", "gap"), ("dense_gap", "dense_gap"), ("route", "edge")])
def test_tasks_with_lengths_lose_the_mean_length_of_their_errors(name, key):
    task, views = make_task(name, miss="length"), make_views()
    targets, prediction = task.targets(views), task(make_features())
    loss = task.loss(prediction, targets)[key].item()
    metric = {"gap": "gap_error_mm", "dense_gap": "place_in_scan_error_mm", "route": "edge_error_mm"}[name]
    assert loss == pytest.approx(task.metrics(prediction, targets)[metric].item() / UNIT_MM, rel=1e-4)


@pytest.mark.parametrize("name", ["gap", "dense_gap", "route"])
def test_another_form_is_an_error(name):
    with pytest.raises(InputError, match=rf"tasks.{name}.miss: wanted one of .* got cube"):
        task_config(name, TaskUse(options={"miss": "cube"}))
