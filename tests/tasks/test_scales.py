"""The scale of a prediction's error: the likelihood against a loop, and calibration on errors whose scale is known."""

import math

import pytest
import torch

from orienteer.tasks.scales import LEAST_SCALE, ScaleHead, laplace_loss, pair_scales
from tests.helpers.synthetic import UNIT_MM, make_features, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_likelihood_equals_a_naive_loop():
    errors, scales = rand(7, 3) - 0.5, rand(7, 3, seed=1) + 0.1
    values = []
    for item in range(7):
        for axis in range(3):
            e, b = float(errors[item, axis]), float(scales[item, axis])
            density = math.exp(-abs(e) / b) / (2 * b)
            highest = 1 / (2 * 0.05)  # without an error, at the least scale
            values.append(-math.log(density) + math.log(highest))
    assert laplace_loss(errors, scales, 0.05).item() == pytest.approx(sum(values) / 21, rel=1e-5)


@pytest.mark.parametrize("name", ["gap", "route", "dense_gap"])
def test_the_loss_of_a_task_is_the_likelihood_of_its_errors(name):
    task, views = make_task(name, scale=True), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    values = []
    if name == "dense_gap":
        errors = prediction.places - targets.places_mm / UNIT_MM
        values = (errors.abs() / prediction.scales + (prediction.scales * math.sqrt(2) / LEAST_SCALE).log()).flatten()
    else:
        gaps = task.predicted_gaps(prediction)
        for i in range(3):
            for j in range(i + 1 if name == "gap" else 0, 3):
                if i != j:
                    error = gaps.gaps[:, i, j] - targets.gaps_mm[:, i, j] / UNIT_MM
                    b = gaps.scales[:, i, j]
                    values.append(error.abs() / b + (b / LEAST_SCALE).log())
        values = torch.stack(values)
    key = {"gap": "gap_scale", "route": "edge_scale", "dense_gap": "dense_gap_scale"}[name]
    torch.testing.assert_close(task.loss(prediction, targets)[key], values.mean())


@pytest.mark.parametrize("family", ["laplace", "normal"])
def test_a_head_learns_the_scale_of_known_errors(family):
    """The vector names one of two groups of errors. Of a Laplace distribution the scale is b, of a normal one E|e|."""
    torch.manual_seed(0)
    head, true = ScaleHead(2), torch.tensor([0.1, 0.6])
    optimiser = torch.optim.Adam(head.parameters(), lr=2e-2)
    draw = torch.distributions.Laplace(0, 1) if family == "laplace" else torch.distributions.Normal(0, 1)
    for _ in range(300):
        vectors = torch.eye(2).repeat(64, 1)
        errors = draw.sample((128, 3)) * true.repeat(64)[:, None]
        loss = laplace_loss(errors, head(vectors), LEAST_SCALE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    factor = 1.0 if family == "laplace" else math.sqrt(2 / math.pi)
    learned = head(torch.eye(2)).detach()
    torch.testing.assert_close(learned, (true * factor)[:, None].expand(2, 3), rtol=0.25, atol=0.0)


def test_scales_of_positions_add_in_squares():
    scales = rand(2, 4, 3)
    pairs = pair_scales(scales)
    for i in range(4):
        for j in range(4):
            torch.testing.assert_close(pairs[:, i, j] ** 2, scales[:, i] ** 2 + scales[:, j] ** 2)


def test_no_scale_is_below_the_least_one():
    head = ScaleHead(4)
    with torch.no_grad():
        head.read_out.bias.fill_(-100.0)
    assert pair_scales(head(rand(1, 2, 4))).min() >= LEAST_SCALE * 0.999
