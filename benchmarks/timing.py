"""Times of one call, and of several that take turns, so that a noisy machine affects all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Times(NamedTuple):
    """Time of one call: on the clock, and of the processor, which is the time on one core of an idle machine."""

    seconds: float
    cpu_seconds: float


def timed(run: Callable[[], object]) -> Times:
    """Returns the time of one call."""
    begun, worked = time.perf_counter(), time.process_time()
    run()
    return Times(time.perf_counter() - begun, time.process_time() - worked)


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Returns the seconds of every repeat of each, after one run that warms up."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds[name].append(timed(run).seconds)
    return seconds


def medians(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Returns the median time of each in seconds, after one run that warms up."""
    return {name: statistics.median(seconds) for name, seconds in in_turns(runs, repeats).items()}
