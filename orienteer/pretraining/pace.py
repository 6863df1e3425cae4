"""How fast training goes, and how much of the time it waits for views."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from orienteer.views.batch import ViewBatch


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
