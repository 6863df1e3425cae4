"""Times of one call, and of several that take turns, so that a noisy machine affects all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Timed(Generic[ResultT]):
    """A call and its time.

    Attributes:
        result: what it returned.
        seconds: on the clock.
        cpu_seconds: of the processor: the time on one core of an idle machine.
    """

    result: ResultT
    seconds: float
    cpu_seconds: float


def timed(run: Callable[[], ResultT]) -> Timed[ResultT]:
    """Returns the result of a call with its time.

    Example:
        >>> timed(lambda: 1 + 1).result
        2
    """
    begun, worked = time.perf_counter(), time.process_time()
    result = run()
    return Timed(result, time.perf_counter() - begun, time.process_time() - worked)


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
