"""The network of a run: initial weights from the seed alone, and the fraction of a task's gradient that reaches the encoder."""

import pytest
import torch

from orienteer.pretraining.module import named_losses
from orienteer.runs.network import build_network, task_weights
from orienteer.views.batch import ViewBatch
from tests.helpers.run_settings import run_config


def gradients(pull: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the gap loss alone: of the encoder's first weights, and of the task's head."""
    config = run_config(tasks={"gap": {"pull": pull}})
    network = build_network(config)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 4, 1, 16, 16, 16, generator=generator)
    centres_mm = 40 * torch.rand(2, 4, 3, generator=generator)
    losses = named_losses(network.answers(ViewBatch(images, centres_mm, ("a", "b"), config.spacing_mm)))
    sum(value for name, value in losses.items() if name.startswith("gap.")).backward()
    first = next(network.encoder.parameters())
    head = next(weight for weight in network.tasks["gap"].parameters() if weight.grad is not None)
    return torch.zeros(()) if first.grad is None else first.grad, head.grad


@pytest.mark.parametrize("pull", [0.0, 0.25])
def test_a_share_of_the_gradient_reaches_the_encoder_and_all_of_it_the_head(pull: float) -> None:
    (encoder, head), (full_encoder, full_head) = gradients(pull), gradients(1.0)
    torch.testing.assert_close(head, full_head)
    assert full_encoder.abs().max() > 0
    torch.testing.assert_close(encoder.expand_as(full_encoder), pull * full_encoder, rtol=1e-3, atol=1e-7)


def test_initial_weights_depend_on_the_seed_alone() -> None:
    state = torch.random.get_rng_state()
    first = build_network(run_config(seed=3)).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(7)
    again, other = build_network(run_config(seed=3)).state_dict(), build_network(run_config(seed=4)).state_dict()
    torch.testing.assert_close(again, first, rtol=0, atol=0, equal_nan=True)  # baselines are not fitted yet: NaN
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_task_weights_are_those_of_the_method_with_changes() -> None:
    assert task_weights(run_config(tasks={"route": {"weight": 0.5}})) == {"gap": 1.0, "similarity": 1.0, "route": 0.5}
