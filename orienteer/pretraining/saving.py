"""The callback that saves last.ckpt: at every validation, at the end, and when the user asks to stop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from orienteer.pretraining.pace import Pace
from orienteer.pretraining.processes import whole_step
from orienteer.runs.folder import last_checkpoint
from orienteer.views.batch import ViewBatch


class Interrupted(Exception):
    """The user asked to stop; the last checkpoint is saved."""


class SaveLast(pl.Callback):
    """Saves last.ckpt between steps, and raises `Interrupted` out of the training loop after a request to stop.

    Args:
        folder: the run folder.
        every: steps between checkpoints.
        pace: is paused while a checkpoint is written.
        stop_requested: returns whether the user asked to stop.
    """

    def __init__(self, folder: Path, every: int, pace: Pace, stop_requested: Callable[[], bool]) -> None:
        self._file, self._every, self._pace = last_checkpoint(folder), every, pace
        self._stop_requested = stop_requested

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Saves where it is due, once all parts of the step are done."""
        step = trainer.global_step
        if not whole_step(trainer, batch_idx):
            return
        stop = self._stop_requested_anywhere(trainer)
        if stop or step % self._every == 0 or step == trainer.max_steps:
            with self._pace.paused():
                self._save(trainer, module)
        if stop:
            raise Interrupted

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        # A weight that is not finite stops the next step; the checkpoint from before it stays the last good one.
        if all(bool(torch.isfinite(weight).all()) for weight in module.parameters()):
            trainer.save_checkpoint(self._file)

    def _stop_requested_anywhere(self, trainer: pl.Trainer) -> bool:
        requested = self._stop_requested()
        return requested if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(requested, all=False)
