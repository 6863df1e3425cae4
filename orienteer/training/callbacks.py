"""What happens around the steps: pace, progress, metrics files, validation, pictures, checkpoints, Ctrl-C."""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from orienteer.progress import Progress, say
from orienteer.training.evaluate import Figures, heldout_figures
from orienteer.training.module import Pretraining
from orienteer.views.batch import ViewBatch


class Interrupted(Exception):
    """The user asked to stop; the last checkpoint is written."""


class TimedLoader:
    """A data loader that knows how long training waited for it.

    Its length is that of the whole run: Lightning goes on after a resume by position. It has no state to save, since it
    is made anew to begin after the steps that are done; the two methods say so to Lightning.
    """

    def __init__(self, loader: DataLoader, length: int) -> None:
        self.loader, self.length, self.waited_s = loader, length, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Returns nothing: where to begin is decided when the loader is made."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes nothing."""

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[ViewBatch]:
        batches = iter(self.loader)
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.waited_s += time.perf_counter() - begun
            if batch is None:
                return
            yield batch


class Pace(pl.Callback):
    """Measures views per second and the share of time spent waiting for data; validations are left out.

    The first step pays for starting the workers and is left out too.
    """

    def __init__(self, waited_s: Callable[[], float], views_per_step: int) -> None:
        self._waited, self._views_per_step = waited_s, views_per_step
        self._first, self._begun, self._waited_before, self._paused_s = -1, 0.0, 0.0, 0.0
        self._busy_s, self._waited_s, self._steps = 0.0, 0.0, 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Looks at the watch."""
        now = time.perf_counter()
        if self._first < 0:
            self._first, self._begun, self._waited_before = trainer.global_step, now, self._waited()
            return
        self._busy_s = now - self._begun - self._paused_s
        self._waited_s = self._waited() - self._waited_before
        self._steps = trainer.global_step - self._first

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves out what happens inside."""
        begun = time.perf_counter()
        yield
        self._paused_s += time.perf_counter() - begun

    @property
    def views_per_second(self) -> float:
        """Views that went through the whole step per second, over all devices."""
        return self._steps * self._views_per_step / self._busy_s if self._busy_s else 0.0

    @property
    def data_wait_share(self) -> float:
        """Share of the training time in which the step waited for views."""
        return self._waited_s / self._busy_s if self._busy_s else 0.0


class Reporter(pl.Callback):
    """Writes metrics.jsonl and tensorboard/, and keeps the progress bar. Silent on all processes but the first.

    Args:
        folder: the run folder.
        pace: where throughput comes from.
        every: steps between lines.
        start_step: lines of later steps, left by a run that was cut off, are dropped.
        shown: whether to show progress.
    """

    def __init__(self, folder: Path, pace: Pace, every: int, start_step: int, shown: bool) -> None:
        self._file, self._folder, self._pace = folder / "metrics.jsonl", folder, pace
        self._every, self._start, self._shown = every, start_step, shown
        self._figures: dict[str, float] = {}
        self._progress: Progress | None = None
        self._board: Any = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Opens the files."""
        if not trainer.is_global_zero:
            return
        from torch.utils.tensorboard import SummaryWriter

        cut_lines(self._file, after_step=self._start)
        self._board = SummaryWriter(str(self._folder / "tensorboard"), purge_step=self._start or None)
        self._progress = Progress(
            "training", trainer.max_steps, unit="steps", start=self._start, shown=self._shown, delay_s=0.0
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Logs a step once all its parts are done."""
        assert isinstance(module, Pretraining)
        step = trainer.global_step
        if not _whole_step(trainer, batch_idx):
            return
        # The figures of step s were computed when s - 1 steps were done.
        if (step - 1) % self._every == 0:
            self._log(trainer, module, step)
        if self._progress is not None:
            loss = float(module.last_losses["total"])
            self._progress.advance(1, {"loss": loss, **self._figures, "data_wait_share": self._pace.data_wait_share})

    def heldout(self, step: int, figures: dict[str, float]) -> None:
        """Logs held-out figures."""
        self._write("heldout", step, figures)

    def picture(self, name: str, figure: Any, step: int) -> None:
        """Adds a picture to TensorBoard, which closes the figure."""
        if self._board is not None:
            self._board.add_figure(name, figure, global_step=step)

    def close(self) -> None:
        """Ends the bar and the files."""
        if self._progress is not None:
            self._progress.close()
        if self._board is not None:
            self._board.close()

    def _log(self, trainer: pl.Trainer, module: Pretraining, step: int) -> None:
        losses = {f"loss.{key}" if key != "total" else "loss": value for key, value in module.last_losses.items()}
        figures = mean_over_processes(trainer, {**losses, **module.last_metrics})
        self._figures = {key: value for key, value in figures.items() if key.endswith(("_error_mm", "_accuracy"))}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        speed = {"views_per_second": self._pace.views_per_second, "data_wait_share": self._pace.data_wait_share}
        self._write("train", step, {**figures, "learning_rate": rate, **speed})

    def _write(self, part: str, step: int, figures: dict[str, float]) -> None:
        if self._board is None:
            return
        with open(self._file, "a") as file:
            file.write(json.dumps({"step": step, "part": part, **figures}) + "\n")
        for key, value in figures.items():
            self._board.add_scalar(f"{part}/{key}", value, global_step=step)


class Heldout(pl.Callback):
    """Validates between steps, draws pictures, and keeps the best checkpoint.

    Validation runs inside the step's end, before last.ckpt is written, so that a run that is cut off anywhere goes on
    with exactly the steps and validations that it would have had.
    """

    def __init__(
        self,
        folder: Path,
        make_loader: Callable[[int, int], DataLoader],
        every: int,
        reporter: Reporter,
        pace: Pace,
        pictures: bool,
        on_best: Callable[[Pretraining], None],
    ) -> None:
        self._folder, self._make_loader, self._every = folder, make_loader, every
        self._reporter, self._pace, self._pictures, self._on_best = reporter, pace, pictures, on_best
        self._best = math.inf
        self._rivals: dict[str, float] = {}
        self.figures: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed run must know."""
        return {"best": self._best, "figures": self.figures}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes it back."""
        self._best, self.figures = state_dict["best"], state_dict["figures"]

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Validates where it is due: every so many steps, and at the end."""
        assert isinstance(module, Pretraining)
        step = trainer.global_step
        if not _whole_step(trainer, batch_idx) or (step % self._every and step != trainer.max_steps):
            return
        with self._pace.paused():
            self.validate(trainer, module)

    def validate(self, trainer: pl.Trainer, module: Pretraining) -> None:
        """Measures the held-out view sets and keeps what is best."""
        network, step, figures = module.best_network, trainer.global_step, Figures()
        module.eval()
        for number, batch in enumerate(self._make_loader(trainer.global_rank, trainer.world_size)):
            views = batch.to(module.device)
            with trainer.precision_plugin.val_step_context():
                figures.add(heldout_figures(network, module.weights, views, rivals=not self._rivals), views.batch)
            if number == 0 and self._pictures and trainer.is_global_zero:
                self._draw(module, views, step)
        module.train()
        keys, sums = figures.sums()
        means = Figures.means(keys, reduced(trainer, sums, "sum"))
        self._rivals = self._rivals or {key: means[key] for key in keys if _is_rival(key, keys)}
        self.figures = {**means, **self._rivals}
        self._reporter.heldout(step, self.figures)
        if self.figures["loss"] < self._best:
            self._best = self.figures["loss"]
            trainer.save_checkpoint(self._folder / "checkpoints" / "best.ckpt")
            if trainer.is_global_zero:
                self._on_best(module)

    @torch.no_grad()
    def _draw(self, module: Pretraining, views: ViewBatch, step: int) -> None:
        folder, network = self._folder / "pictures", module.best_network
        folder.mkdir(exist_ok=True)
        for name, answer in network.answers(views).items():
            figure = answer.task.picture(views, answer.prediction, answer.targets)
            figure.savefig(folder / f"step_{step:06d}_{name}.png", dpi=100)
            self._reporter.picture(name, figure, step)


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
        if not _whole_step(trainer, batch_idx):
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


def cut_lines(file: Path, after_step: int) -> None:
    """Drops lines of a metrics.jsonl that belong to later steps, and a last line that was not written whole."""
    if not file.is_file():
        return
    kept = []
    for line in file.read_text().splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= after_step:
                kept.append(line)
        except json.JSONDecodeError:
            continue
    file.write_text("".join(kept))


def mean_over_processes(trainer: pl.Trainer, values: dict[str, torch.Tensor]) -> dict[str, float]:
    """Returns the figures of a step averaged over all processes."""
    stacked = torch.stack([value.detach().float().cpu() for value in values.values()])
    return dict(zip(values, reduced(trainer, stacked, "mean").tolist(), strict=True))


def reduced(trainer: pl.Trainer, values: torch.Tensor, how: str) -> torch.Tensor:
    """Returns ``values`` summed or averaged over all processes."""
    if trainer.world_size == 1:
        return values
    return trainer.strategy.reduce(values.to(trainer.strategy.root_device), reduce_op=how).cpu()


def _whole_step(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimiser has moved after this batch: between the parts of a step nothing is measured or saved."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def _is_rival(key: str, keys: list[str]) -> bool:
    return any(key.startswith(f"{other}_") for other in keys)
