"""The callback that validates: metrics on held-out view sets, pictures, best.ckpt."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from orienteer.encoders.base import Encoder
from orienteer.pretraining.collapse import Embeddings, collapse_warning
from orienteer.pretraining.evaluation import MetricSums, heldout_metrics
from orienteer.pretraining.gallery import Gallery
from orienteer.pretraining.module import Pretraining
from orienteer.pretraining.pace import Pace
from orienteer.pretraining.processes import reduced, whole_step
from orienteer.pretraining.reporter import Reporter
from orienteer.pretraining.shown import ShownPredictions
from orienteer.progress import say
from orienteer.runs.summary import is_baseline
from orienteer.views.batch import ViewBatch

Probe = Callable[[Encoder], dict[str, float]]
"""Returns metrics of the encoder at a validation. It must leave torch's random state unchanged."""


class Validation(pl.Callback):
    """Validates between steps, draws pictures, and saves the best checkpoint.

    It validates at the end of a step, before last.ckpt is saved. A run that is resumed from it therefore repeats exactly
    the steps and validations that it would have had.

    Args:
        folder: the run folder.
        scans: keys of all held-out scans.
        make_loader: returns the held-out view sets of one process, from its rank and the number of processes.
        every: steps between validations.
        reporter: logs the metrics.
        pace: is paused during a validation.
        gallery: draws the pictures; None for none.
        on_best: is called with the training module after a validation with a new lowest loss.
        probe: further metrics of the encoder.
        shown: writes what the network predicts on a few view sets; None for nothing.
    """

    def __init__(
        self,
        folder: Path,
        scans: Sequence[str],
        make_loader: Callable[[int, int], Iterable[ViewBatch]],
        every: int,
        reporter: Reporter,
        pace: Pace,
        gallery: Gallery | None,
        on_best: Callable[[Pretraining], None],
        probe: Probe | None = None,
        shown: ShownPredictions | None = None,
    ) -> None:
        self._folder, self._scans, self._make_loader, self._every = folder, scans, make_loader, every
        self._reporter, self._pace, self._gallery, self._on_best = reporter, pace, gallery, on_best
        self._probe, self._shown = probe, shown
        self._best = math.inf
        self._baselines: dict[str, float] = {}
        self._warned = False
        self.metrics: dict[str, float] = {}
        self.losses: list[tuple[int, float]] = []

    @property
    def state_key(self) -> str:
        """The name of this callback's state in checkpoints; runs of earlier versions resume with it."""
        return "Heldout"

    def state_dict(self) -> dict[str, Any]:
        """Returns the state that a resumed run needs."""
        return {"best": self._best, "figures": self.metrics, "losses": self.losses, "warned": self._warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the state."""
        self._best, self.metrics = state_dict["best"], state_dict["figures"]
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
        """Computes the metrics on the held-out view sets, and saves a checkpoint if the loss is the lowest so far."""
        network, step = module.best_network, trainer.global_step
        module.eval()
        sums, embeddings = self._evaluate(trainer, module)
        if self._gallery is not None and trainer.is_global_zero:
            self._gallery.draw(network, module.device, step, must=step in (self._every, trainer.max_steps))
        if self._shown is not None and trainer.is_global_zero:
            self._shown.write(network, module.device, step)
        probed = self._probe(network.encoder) if self._probe and trainer.is_global_zero else {}
        module.train()
        keys, totals = sums.sums()
        means = MetricSums.means(keys, reduced(trainer, totals, "sum"))
        self._baselines = self._baselines or {key: means[key] for key in keys if is_baseline(key, keys)}
        self.metrics = {**means, **self._baselines, **self._spread(trainer, embeddings, means), **probed}
        self.losses.append((step, self.metrics["loss"]))
        self._reporter.heldout(step, self.metrics)
        self._save_best(trainer, module)

    def _evaluate(self, trainer: pl.Trainer, module: Pretraining) -> tuple[MetricSums, Embeddings]:
        network = module.best_network
        sums, embeddings = MetricSums(), Embeddings(self._scans, network.encoder.channels[-1])
        for batch in self._make_loader(trainer.global_rank, trainer.world_size):
            views = batch.to(module.device)
            with trainer.precision_plugin.val_step_context():
                metrics = heldout_metrics(network, module.weights, views, not self._baselines, embeddings)
                sums.add(metrics, views.batch)
        return sums, embeddings

    def _save_best(self, trainer: pl.Trainer, module: Pretraining) -> None:
        if self.metrics["loss"] < self._best:
            self._best = self.metrics["loss"]
            trainer.save_checkpoint(self._folder / "checkpoints" / "best.ckpt")
            if trainer.is_global_zero:
                self._on_best(module)

    def _spread(self, trainer: pl.Trainer, embeddings: Embeddings, means: Mapping[str, float]) -> dict[str, float]:
        """Returns metrics of the views' vectors, and warns once when they have collapsed."""
        sums = reduced(trainer, embeddings.sums(), "sum")
        metrics = embeddings.metrics(sums)
        warning = collapse_warning({**means, **metrics}, views=round(sums[: len(self._scans)].sum().item()))
        if warning is not None and not self._warned and trainer.is_global_zero:
            say(f"step {trainer.global_step}: {warning}")
        self._warned = warning is not None
        return metrics
