"""The training module: total loss, which weights are decayed, the teacher as a moving average."""

import pytest
import torch

from orienteer.errors import TrainingStopped
from orienteer.pretraining.module import Pretraining, total_loss
from orienteer.runs.network import build_network, task_weights
from orienteer.views.batch import ViewBatch
from tests.helpers.run_settings import run_config


def module(**changes: object) -> Pretraining:
    config = run_config(**changes)
    return Pretraining(build_network(config), task_weights(config), config, {"key": "scan.nii.gz"})


def test_the_total_loss_is_the_weighted_sum() -> None:
    losses = {"gap.distance": torch.tensor(2.0), "gap.direction": torch.tensor(1.0), "route.error": torch.tensor(4.0)}
    assert float(total_loss({"gap": 0.5, "route": 2.0}, losses)) == 0.5 * 2 + 0.5 * 1 + 2 * 4
    half = {"gap.distance": torch.tensor(60000.0, dtype=torch.float16)}
    assert float(total_loss({"gap": 2.0}, half)) == 120000.0  # beyond float16


def test_norms_and_biases_are_not_decayed() -> None:
    made = module(weight_decay=0.1)
    decayed, plain = made.configure_optimizers()["optimizer"].param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim <= 1 for parameter in plain["params"])
    assert len(decayed["params"]) + len(plain["params"]) == len(list(made.network.parameters()))


def test_teacher_and_average_start_as_copies_and_are_not_trained() -> None:
    made = module(teacher=True, weight_averaging=0.9)
    assert made.teacher is not None
    assert made.averaged is not None
    torch.testing.assert_close(made.teacher.module.state_dict(), made.network.encoder.state_dict(), rtol=0, atol=0)
    assert made.best_network is made.averaged.module
    assert not any(parameter.requires_grad for part in (made.teacher, made.averaged) for parameter in part.parameters())
    assert module().best_network is not None
    assert module().teacher is None


def test_a_loss_that_is_not_finite_names_its_scans() -> None:
    views = ViewBatch(torch.zeros(1, 4, 1, 16, 16, 16), torch.zeros(1, 4, 3), ("key",), (2.0, 2.0, 3.0))
    with pytest.raises(TrainingStopped, match=r"loss of step 1 is inf, on views of scan\.nii\.gz.*--learning-rate"):
        module()._stop_if_not_finite(torch.tensor(torch.inf), views)
