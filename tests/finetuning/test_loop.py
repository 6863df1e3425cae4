"""The loop on a network of one layer: checkpoints, resuming, Ctrl-C, a loss that is not finite."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from orienteer.errors import InputError, TrainingStopped
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import Trained, take_step, train
from orienteer.finetuning.schedules import Schedule
from orienteer.runs.trackers import TRACKERS


def layer(inputs: int = 3) -> nn.Linear:
    network = nn.Linear(inputs, 1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.zero_()
    return network


def run(folder: Path, network: nn.Linear, loss_of=None, **settings) -> Trained:
    """Trains on batches that depend on the step alone."""
    folder.mkdir(exist_ok=True)
    config = FinetuneConfig(**{"steps": 6, "log_every": 1, "save_every": 2, "learning_rate": 0.1, **settings})
    schedule = Schedule(network, {}, 0, config)

    def batches(steps: range):
        return (torch.full((2, network.in_features), step / 10) for step in steps)

    def step_loss(step: int, batch: Tensor) -> Tensor:
        loss = (network(batch) - 1).square().mean()
        return loss if loss_of is None else loss_of(step, loss)

    return train(folder, config, network, schedule, batches, step_loss, lambda batch: "scan_7")


def logged(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_training_moves_the_weights_and_logs_every_step(tmp_path):
    network = layer()
    trained = run(tmp_path, network)
    assert trained.steps == 6
    assert 0 <= trained.data_wait_share <= 1
    assert logged(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert not torch.equal(network.weight, layer().weight)


def test_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    whole, resumed = layer(), layer()
    run(tmp_path / "whole", whole)

    def interrupt(step: int, loss: Tensor) -> Tensor:
        if step == 3:
            signal.raise_signal(signal.SIGINT)
        return loss

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", layer(), interrupt)
    assert logged(tmp_path / "broken") == [1, 2, 3, 4]
    run(tmp_path / "broken", resumed, resume=True)
    assert torch.equal(resumed.weight, whole.weight)
    assert logged(tmp_path / "broken") == [1, 2, 3, 4, 5, 6]


def test_a_killed_training_resumes_from_its_last_checkpoint(tmp_path):
    def die(step: int, loss: Tensor) -> Tensor:
        if step == 3:
            raise ZeroDivisionError
        return loss

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, layer(), die)
    steps = []
    run(tmp_path, layer(), lambda step, loss: steps.append(step) or loss, resume=True)
    assert steps == [2, 3, 4, 5]
    assert logged(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_does_nothing_when_it_is_resumed(tmp_path):
    network = layer()
    run(tmp_path, network)
    again = layer()
    trained = run(tmp_path, again, resume=True)
    assert (trained.steps, trained.data_wait_share) == (6, 0.0)
    assert torch.equal(again.weight, network.weight)


def test_a_loss_that_is_not_finite_keeps_the_checkpoint_from_before(tmp_path):
    with pytest.raises(TrainingStopped, match="the loss of step 4 is nan, on scan_7.*Resume with: orienteer finetune"):
        run(tmp_path, layer(), lambda step, loss: loss * float("nan") if step == 3 else loss)
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["step"] == 2
    assert torch.isfinite(saved["network"]["weight"]).all()


def test_a_step_with_a_loss_that_is_not_finite_leaves_the_weights_unchanged():
    network = layer()
    config = FinetuneConfig(steps=4)
    take_step(config, network, Schedule(network, {}, 0, config), 0, lambda: network.weight.sum() * float("inf"))
    assert torch.equal(network.weight, layer().weight)


def test_a_checkpoint_of_another_network_is_refused_by_name(tmp_path):
    run(tmp_path, layer())
    with pytest.raises(InputError, match=r"wanted a checkpoint of the network that config.yaml names.*\['weight'\]"):
        run(tmp_path, layer(inputs=4), resume=True)


def test_gradients_are_clipped():
    network, config = layer(), FinetuneConfig(steps=4, clip_norm=1e-3)
    take_step(config, network, Schedule(network, {}, 0, config), 0, lambda: 1e6 * network.weight.sum())
    assert network.weight.grad is not None
    assert torch.sqrt(network.weight.grad.square().sum()) <= 1e-3 * 1.001


def test_trackers_get_what_is_logged(tmp_path, monkeypatch):
    got: list = []

    class Noted:
        number = "n1"

        def __init__(self, *given) -> None:
            got.append(given[2]["steps"])

        def log(self, metrics, step) -> None:
            got.append((step, sorted(metrics)))

        def close(self, failed) -> None:
            got.append(failed)

    monkeypatch.setitem(TRACKERS, "wandb", replace(TRACKERS["wandb"], open=Noted))
    run(tmp_path, layer(), steps=2, logger=("wandb",))
    assert got == [2, (1, ["train/learning_rate", "train/loss"]), (2, ["train/learning_rate", "train/loss"]), False]
