"""What happens between the steps: validation, pictures, checkpoints, Ctrl-C."""

import math
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from orienteer.encoders.base import Encoder
from orienteer.pretraining.collapse import Embeddings, collapse_words
from orienteer.pretraining.evaluation import Figures, heldout_figures
from orienteer.pretraining.gallery import Gallery
from orienteer.pretraining.module import Pretraining
from orienteer.pretraining.pace import Pace
from orienteer.pretraining.processes import reduced, whole_step
from orienteer.pretraining.reporter import Reporter
from orienteer.progress import say
from orienteer.runs.summary import is_rival
from orienteer.views.batch import ViewBatch


class Interrupted(Exception):
    """The user asked to stop; the last checkpoint is written."""


Probe = Callable[[Encoder], dict[str, float]]
"""Looks at the encoder at every validation and returns figures. It must leave torch's random state alone."""


class Heldout(pl.Callback):
    """Validates between steps, draws pictures, and keeps the best checkpoint.

    Validation runs inside the step's end, before last.ckpt is written, so that a run that is cut off anywhere goes on
    with exactly the steps and validations that it would have had.
    """

    def __init__(
        self,
        folder: Path,
        scans: Sequence[str],
        make_loader: Callable[[int, int], DataLoader],
        every: int,
        reporter: Reporter,
        pace: Pace,
        gallery: Gallery | None,
        on_best: Callable[[Pretraining], None],
        probe: Probe | None = None,
    ) -> None:
        self._folder, self._scans, self._make_loader, self._every = folder, scans, make_loader, every
        self._reporter, self._pace, self._gallery, self._on_best = reporter, pace, gallery, on_best
        self._probe = probe
        self._best = math.inf
        self._rivals: dict[str, float] = {}
        self._warned = False
        self.figures: dict[str, float] = {}
        self.losses: list[tuple[int, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed run must know."""
        return {"best": self._best, "figures": self.figures, "losses": self.losses, "warned": self._warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes it back."""
        self._best, self.figures = state_dict["best"], state_dict["figures"]
        self._warned = bool(state_dict.get("warned", False))
        self.losses = [(int(step), float(loss)) for step, loss in state_dict.get("losses", [])]

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Validates where it is due: every so many steps, and at the end."""
        assert isinstance(module, Pretraining)
        step = trainer.global_step
        if not whole_step(trainer, batch_idx) or (step % self._every and step != trainer.max_steps):
            return
        with self._pace.paused():
            self.validate(trainer, module)

    def validate(self, trainer: pl.Trainer, module: Pretraining) -> None:
        """Measures the held-out view sets and keeps what is best."""
        network, step = module.best_network, trainer.global_step
        figures, embeddings = Figures(), Embeddings(self._scans, network.encoder.channels[-1])
        module.eval()
        for batch in self._make_loader(trainer.global_rank, trainer.world_size):
            views = batch.to(module.device)
            with trainer.precision_plugin.val_step_context():
                found = heldout_figures(network, module.weights, views, not self._rivals, embeddings)
                figures.add(found, views.batch)
        if self._gallery is not None and trainer.is_global_zero:
            self._gallery.draw(network, module.device, step, must=step in (self._every, trainer.max_steps))
        probed = self._probe(network.encoder) if self._probe and trainer.is_global_zero else {}
        module.train()
        keys, sums = figures.sums()
        means = Figures.means(keys, reduced(trainer, sums, "sum"))
        self._rivals = self._rivals or {key: means[key] for key in keys if is_rival(key, keys)}
        self.figures = {**means, **self._rivals, **self._spread(trainer, embeddings, means), **probed}
        self.losses.append((step, self.figures["loss"]))
        self._reporter.heldout(step, self.figures)
        if self.figures["loss"] < self._best:
            self._best = self.figures["loss"]
            trainer.save_checkpoint(self._folder / "checkpoints" / "best.ckpt")
            if trainer.is_global_zero:
                self._on_best(module)

    def _spread(self, trainer: pl.Trainer, embeddings: Embeddings, means: Mapping[str, float]) -> dict[str, float]:
        """Returns figures of the views' vectors, and says once where they have become one."""
        sums = reduced(trainer, embeddings.sums(), "sum")
        figures = embeddings.figures(sums)
        words = collapse_words({**means, **figures}, views=round(sums[: len(self._scans)].sum().item()))
        if words is not None and not self._warned and trainer.is_global_zero:
            say(f"step {trainer.global_step}: {words}")
        self._warned = words is not None
        return figures


class SaveLast(pl.Callback):
    """Writes last.ckpt between steps, and on Ctrl-C or SIGTERM; a second Ctrl-C stops at once.

    Raises `Interrupted` out of the training loop after the checkpoint of an interrupted run is written.
    """

    def __init__(self, folder: Path, every: int, pace: Pace) -> None:
        self._file, self._every, self._pace = folder / "checkpoints" / "last.ckpt", every, pace
        self._asked = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "SaveLast":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Saves where it is due, once all parts of the step are done."""
        step = trainer.global_step
        if not whole_step(trainer, batch_idx):
            return
        stop = self._asked_anywhere(trainer)
        if stop or step % self._every == 0 or step == trainer.max_steps:
            with self._pace.paused():
                self._save(trainer, module)
        if stop:
            raise Interrupted

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        # A weight that is not finite will stop the next step; the checkpoint from before stays the last good one.
        if all(bool(torch.isfinite(weight).all()) for weight in module.parameters()):
            trainer.save_checkpoint(self._file)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            os._exit(130)
        self._asked = True
        say("\nstopping after this step; Ctrl-C once more stops at once, without saving")

    def _asked_anywhere(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return self._asked
        return trainer.strategy.reduce_boolean_decision(self._asked, all=False)
