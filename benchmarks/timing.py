"""Times of several things that take turns, so that a noisy machine harms all alike."""

import statistics
import time
from collections.abc import Callable


def medians(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Returns the median time of each in seconds, after one run that warms up."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}
