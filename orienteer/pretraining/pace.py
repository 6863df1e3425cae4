"""Throughput of training, and the fraction of the time that it waits for views."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl

from orienteer.views.batch import ViewBatch


class TimedLoader:
    """A data loader that measures how long training waits for it.

    Its length is that of the whole run, because Lightning resumes by position. It has no state: a resumed run makes a new
    one that starts after the steps that are done. Lightning asks for the two methods.

    Args:
        loader: the data loader.
        length: batches of the whole run.
    """

    def __init__(self, loader: Iterable[ViewBatch], length: int) -> None:
        self.loader, self.length, self.waited_s = loader, length, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Returns nothing: the loader has no state."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Ignores the state, which is empty."""

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[ViewBatch]:
        batches = iter(self.loader)
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited_s += time.perf_counter() - began
            if batch is None:
                return
            yield batch


class Pace(pl.Callback):
    """Measures views per second and the fraction of the time spent waiting for data.

    Validations are not counted, nor is the first step, which includes the start of the workers.

    Args:
        waited_s: returns the seconds that training has waited for batches so far.
        views_per_step: views of one optimiser step, over all devices.
    """

    def __init__(self, waited_s: Callable[[], float], views_per_step: int) -> None:
        self._waited, self._views_per_step = waited_s, views_per_step
        self._first, self._began, self._waited_before, self._paused_s = -1, 0.0, 0.0, 0.0
        self._busy_s, self._waited_s, self._steps = 0.0, 0.0, 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Updates the times."""
        now = time.perf_counter()
        if self._first < 0:
            self._first, self._began, self._waited_before = trainer.global_step, now, self._waited()
            return
        self._busy_s = now - self._began - self._paused_s
        self._waited_s = self._waited() - self._waited_before
        self._steps = trainer.global_step - self._first

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Does not count the time that the block takes."""
        began = time.perf_counter()
        yield
        self._paused_s += time.perf_counter() - began

    @property
    def views_per_second(self) -> float:
        """Views trained on per second, over all devices."""
        return self._steps * self._views_per_step / self._busy_s if self._busy_s else 0.0

    @property
    def data_wait_share(self) -> float:
        """Fraction of the training time spent waiting for views."""
        return self._waited_s / self._busy_s if self._busy_s else 0.0

    def speed(self) -> dict[str, float]:
        """Returns both values by name, as metrics.jsonl and summary.json hold them."""
        return {"views_per_second": self.views_per_second, "data_wait_share": self.data_wait_share}
