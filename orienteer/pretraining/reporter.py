"""The callback that writes metrics.jsonl and TensorBoard and shows the progress of training."""

import re
import struct
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from orienteer.pretraining.module import Pretraining
from orienteer.pretraining.pace import Pace
from orienteer.pretraining.processes import mean_over_processes, whole_step
from orienteer.progress import Progress
from orienteer.runs.metrics_log import METRICS_FILE, append_line, cut_lines
from orienteer.runs.trackers import Trackers
from orienteer.views.batch import ViewBatch

_EVENTS = re.compile(r"(events\.out\.tfevents\.\d+)\..*\.(\d+\.\d+)")
"""How TensorBoard names a file: time, host, process, number."""


def name_without_machine(folder: Path) -> None:
    """Takes the name of this machine out of the names of TensorBoard's files, which are closed."""
    for path in folder.glob("events.out.tfevents.*"):
        if match := _EVENTS.fullmatch(path.name):
            path.rename(path.with_name(f"{match[1]}.{match[2]}"))


class Reporter(pl.Callback):
    """Writes metrics.jsonl and tensorboard/, and updates the progress bar, in the first process only.

    Args:
        folder: the run folder.
        pace: measures the throughput.
        every: steps between lines.
        start_step: steps that are already done; lines of later steps, left by an interrupted run, are removed.
        shown: show progress.
    """

    def __init__(self, folder: Path, pace: Pace, every: int, start_step: int, shown: bool) -> None:
        self._trackers = Trackers()
        self._file, self._folder, self._pace = folder / METRICS_FILE, folder, pace
        self._every, self._start, self._shown = every, start_step, shown
        self._shown_metrics: dict[str, float] = {}
        self._progress: Progress | None = None
        self._board: Any = None

    def track(self, trackers: Trackers) -> None:
        """Gives the same metrics and pictures to trackers, until `close`."""
        self._trackers = trackers

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Opens the files."""
        if not trainer.is_global_zero:
            return
        from torch.utils.tensorboard import SummaryWriter

        cut_lines(self._file, after_step=self._start)
        name_without_machine(self._folder / "tensorboard")
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
        if not whole_step(trainer, batch_idx):
            return
        # The metrics of step s were computed when s - 1 steps were done.
        if (step - 1) % self._every == 0:
            self._log(trainer, module, step)
        if self._progress is not None:
            loss = float(module.last_losses["total"])
            wait = self._pace.data_wait_share
            self._progress.advance(1, {"loss": loss, **self._shown_metrics, "data_wait_share": wait})

    def heldout(self, step: int, metrics: dict[str, float]) -> None:
        """Logs metrics on held-out scans."""
        self._write("heldout", step, metrics)

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Adds a picture to TensorBoard as it is, without drawing it again, and to the trackers."""
        if self._board is None:
            return
        self._trackers.picture(name, png, step)
        from tensorboard.compat.proto.summary_pb2 import Summary

        width, height = struct.unpack(">II", png[16:24])  # of the PNG header
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        summary = Summary(value=[Summary.Value(tag=name, image=image)])
        self._board.file_writer.add_summary(summary, step)

    def close(self, failed: bool = False) -> None:
        """Closes the progress bar, the files and the trackers; theirs are marked where the training failed."""
        self._trackers.close(failed)
        if self._progress is not None:
            self._progress.close()
        if self._board is not None:
            self._board.close()
            name_without_machine(self._folder / "tensorboard")

    def _log(self, trainer: pl.Trainer, module: Pretraining, step: int) -> None:
        losses = {f"loss.{key}" if key != "total" else "loss": value for key, value in module.last_losses.items()}
        metrics = mean_over_processes(trainer, {**losses, **module.last_metrics})
        self._shown_metrics = {key: value for key, value in metrics.items() if key.endswith(("_error_mm", "_accuracy"))}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self._write("train", step, {**metrics, "learning_rate": rate, **self._pace.speed()})

    def _write(self, part: str, step: int, metrics: dict[str, float]) -> None:
        if self._board is None:
            return
        append_line(self._file, step, part, metrics)
        self._trackers.log(part, step, metrics)
        for key, value in metrics.items():
            self._board.add_scalar(f"{part}/{key}", value, global_step=step)
