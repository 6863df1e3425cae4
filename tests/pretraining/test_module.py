"""How strongly a task pulls on the encoder, and that its heads learn in full all the same."""

import pytest
import torch

from orienteer.pretraining.module import named_losses
from orienteer.runs.network import Network, build_network
from orienteer.runs.run_config import make_run_config
from orienteer.views.batch import ViewBatch

SETTINGS = {"view_size": (16, 16, 16), "spacing_mm": (2.0, 2.0, 2.0), "unit_mm": 50.0, "views": 4, "encoder": "tiny"}


def gradients(pull: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the gap loss alone: on the encoder's first weights, and on the task's own."""
    changes = {"encoder_arguments": {"stem_stride": 1}, "tasks": {"gap": {"pull": pull}}}
    network: Network = build_network(make_run_config({**SETTINGS, **changes}))
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 4, 1, 16, 16, 16, generator=generator)
    centres_mm = 40 * torch.rand(2, 4, 3, generator=generator)
    views = ViewBatch(images, centres_mm, ("a", "b"), SETTINGS["spacing_mm"])
    losses = named_losses(network.answers(views))
    sum(value for name, value in losses.items() if name.startswith("gap.")).backward()
    first = next(network.encoder.parameters())
    own = next(weight for weight in network.tasks["gap"].parameters() if weight.grad is not None)
    return torch.zeros(()) if first.grad is None else first.grad, own.grad


@pytest.mark.parametrize("pull", [0.0, 0.25])
def test_a_share_of_the_gradient_reaches_the_encoder_and_all_of_it_the_head(pull: float) -> None:
    (encoder, head), (full_encoder, full_head) = gradients(pull), gradients(1.0)
    torch.testing.assert_close(head, full_head)
    assert full_encoder.abs().max() > 0
    torch.testing.assert_close(encoder.expand_as(full_encoder), pull * full_encoder, rtol=1e-3, atol=1e-7)
