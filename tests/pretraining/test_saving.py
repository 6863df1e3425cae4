"""last.ckpt: saved when it is due, never with weights that are not finite, and before a requested stop."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch

from orienteer.pretraining.pace import Pace
from orienteer.pretraining.saving import Interrupted, SaveLast
from orienteer.views.batch import ViewBatch

VIEWS = ViewBatch(torch.zeros(1, 2, 1, 4, 4, 4), torch.zeros(1, 2, 3), ("a",), (1.0, 1.0, 1.0))


class OneWeight(pl.LightningModule):
    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(value))


def steps_saved(
    saver: SaveLast, module: pl.LightningModule | None = None, batches: int = 10, **changes: Any
) -> list[int]:
    """The steps after which a training of ten steps saves; until it is interrupted, with -1 at the end."""
    saved: list[int] = []
    trainer = Mock(spec=pl.Trainer, max_steps=10, **{"accumulate_grad_batches": 1, "world_size": 1, **changes})
    trainer.save_checkpoint = lambda path: saved.append(trainer.global_step)
    for batch in range(batches):
        trainer.global_step = (batch + 1) // trainer.accumulate_grad_batches
        try:
            saver.on_train_batch_end(trainer, module or OneWeight(), None, VIEWS, batch)
        except Interrupted:
            return [*saved, -1]
    return saved


def make(requested: bool = False) -> SaveLast:
    return SaveLast(Path(), every=4, pace=Pace(lambda: 0.0, 1), stop_requested=lambda: requested)


@pytest.mark.parametrize("parts", [1, 2])
def test_it_saves_every_so_many_steps_and_at_the_end(parts: int) -> None:
    assert steps_saved(make(), batches=10 * parts, accumulate_grad_batches=parts) == [4, 8, 10]


def test_a_request_to_stop_saves_first() -> None:
    assert steps_saved(make(requested=True)) == [1, -1]


def test_a_request_to_any_process_stops_all() -> None:
    strategy = Mock(reduce_boolean_decision=lambda decision, all: True)
    assert steps_saved(make(requested=False), world_size=2, strategy=strategy) == [1, -1]


def test_weights_that_are_not_finite_are_not_saved() -> None:
    assert steps_saved(make(), OneWeight(float("nan"))) == []
