"""Throughput: views per second without validations, and the fraction of the time spent waiting."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl

from orienteer.pretraining import pace as pace_module
from orienteer.pretraining.pace import Pace, TimedLoader


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


def test_the_loader_counts_the_time_until_a_batch_is_there(clock: Clock) -> None:
    def slow_batches():
        for number in range(3):
            clock.now += 2.0
            yield number

    loader = TimedLoader(slow_batches(), length=3)
    batches = []
    for batch in loader:
        batches.append(batch)
        clock.now += 5.0  # the step itself
    assert batches == [0, 1, 2]
    assert loader.waited_s == 6.0
    assert len(loader) == 3


def test_the_first_step_and_validations_are_left_out(clock: Clock) -> None:
    waited = SimpleNamespace(seconds=0.0)
    pace = Pace(lambda: waited.seconds, views_per_step=8)
    assert pace.speed() == {"views_per_second": 0.0, "data_wait_share": 0.0}
    clock.now, waited.seconds = 100.0, 60.0  # starting the workers
    for step in range(1, 6):
        pace.on_train_batch_end(Mock(spec=pl.Trainer, global_step=step), Mock(spec=pl.LightningModule))
        clock.now += 2.0
        waited.seconds += 0.5
        if step == 3:
            with pace.paused():
                clock.now += 30.0
    assert pace.speed() == pytest.approx({"views_per_second": 4.0, "data_wait_share": 0.25})
