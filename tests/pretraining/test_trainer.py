"""The Lightning trainer has what the settings ask for."""

import pytest

from orienteer.errors import InputError
from orienteer.pretraining import trainer
from orienteer.pretraining.trainer import build_trainer
from orienteer.runs.atomic_checkpoints import AtomicCheckpoints
from tests.helpers.run_settings import run_config


def test_the_settings_of_a_run_arrive() -> None:
    made = build_trainer(run_config(accelerator="cpu", steps=7, accumulate=2, clip_norm=0.5, precision="bf16"), [])
    assert (made.max_steps, made.accumulate_grad_batches, made.gradient_clip_val) == (7, 2, 0.5)
    assert made.precision == "bf16-mixed"
    assert isinstance(made.strategy.checkpoint_io, AtomicCheckpoints)
    assert build_trainer(run_config(accelerator="cpu", clip_norm=0.0), []).gradient_clip_val is None


@pytest.mark.parametrize(
    ("changes", "strategy"),
    [
        ({}, "auto"),
        ({"devices": 2}, "ddp"),
        ({"nodes": 2, "encoder_arguments": {"decoder": True}}, "ddp_find_unused_parameters_true"),
    ],
    ids=str,
)
def test_several_processes_reduce_their_gradients(changes: dict, strategy: str) -> None:
    assert trainer._strategy(run_config(batch=4, **changes)) == strategy


def test_devices_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(**_: object) -> None:
        raise RuntimeError("No supported gpu backend found!")

    monkeypatch.setattr(trainer.pl, "Trainer", no_gpu)
    with pytest.raises(InputError, match=r"got gpu x 4 \(No supported gpu backend found!\)"):
        build_trainer(run_config(accelerator="gpu", devices=4), [])
