"""Progress with an estimate of the time left: a bar in a terminal or notebook, a line every few seconds in a log file."""

import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

from orienteer.text import printable

ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)

SECONDS_BETWEEN_LINES = 15.0
"""Time between two lines where there is no terminal to draw a bar in."""


@runtime_checkable
class Counted(Protocol[ItemT_co]):
    """Items whose number is known before they are made: a list, or a loader of batches."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ItemT_co]: ...


class Progress:
    """Counts up to ``total`` and shows the time left and a few metrics. Silent for the first two seconds.

    Args:
        what: what is being done, as shown.
        total: number of units in all.
        unit: what is counted.
        start: units that were done before, for work that is resumed.
        shown: False prints nothing.
        delay_s: seconds before the bar appears.

    Example:
        >>> with Progress("preparing", total=3, shown=False) as progress:
        ...     progress.advance(1, {"gap_error_mm": 41.7})
    """

    def __init__(
        self, what: str, total: int, unit: str = "it", start: int = 0, shown: bool = True, delay_s: float = 2.0
    ) -> None:
        self._what, self._total, self._unit, self._shown = what, total, unit, shown
        self._done, self._start = start, start
        self._began = self._last = time.monotonic()
        self._bar: tqdm[Any] | None = None
        kind = _bar_kind() if shown else None
        if kind is not None:
            self._bar = kind(total=total, initial=start, desc=what, unit=unit, delay=delay_s, dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def advance(self, count: int = 1, metrics: Mapping[str, float] | None = None) -> None:
        """Counts ``count`` more units and shows ``metrics``."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
            if metrics:
                self._bar.set_postfix_str(in_words(metrics))
        elif self._shown and (now := time.monotonic()) - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self._write_line(now - self._began, metrics or {})

    def say(self, what: str) -> None:
        """Changes the description."""
        self._what = what
        if self._bar is not None:
            self._bar.set_description(what)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()

    def _write_line(self, seconds: float, metrics: Mapping[str, float]) -> None:
        done = self._done - self._start
        left = seconds / max(done, 1) * (self._total - self._done)
        words = f"  {in_words(metrics)}" if metrics else ""
        print(
            f"{self._what}: {self._done}/{self._total} {self._unit}, ETA {clock(left)}{words}",
            file=sys.stderr,
            flush=True,
        )


def tracked(items: Counted[ItemT], what: str, unit: str = "it", shown: bool = True) -> Iterator[ItemT]:
    """Yields the items, with progress.

    Example:
        >>> [number + 1 for number in tracked([1, 2], "counting")]
        [2, 3]
    """
    with Progress(what, len(items), unit, shown=shown) as progress:
        for item in items:
            yield item
            progress.advance()


def say(text: object) -> None:
    """Prints a message to stderr; stdout is for results. Control characters of names are written out, except line ends."""
    print(printable(str(text), keep="\n\t"), file=sys.stderr, flush=True)


def in_words(metrics: Mapping[str, float]) -> str:
    """Returns metrics with their units, which are read from the keys.

    Example:
        >>> in_words({"loss": 0.1234, "gap_error_mm": 41.7, "near_far_accuracy": 0.99, "data_wait_share": 0.031})
        'loss 0.123, gap error 41.7 mm, near far 99 %, data wait 3 %'
    """
    return ", ".join(_metric(key, value) for key, value in metrics.items())


def clock(seconds: float) -> str:
    """Returns a duration as minutes and seconds, or hours and minutes.

    Example:
        >>> clock(75.0), clock(3720.0)
        ('1:15', '1 h 02 min')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60}:{whole % 60:02d}"


def _bar_kind() -> "type[tqdm[Any]] | None":
    """Returns the bar of a terminal or a notebook; None where neither is: bars in log files are unreadable."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    if kernel is not None and kernel.IPKernelApp.initialized():
        if find_spec("ipywidgets") is not None:
            from tqdm.notebook import tqdm as widget

            return widget
        return tqdm
    return tqdm if sys.stderr.isatty() else None


def _metric(key: str, value: float) -> str:
    for ending, unit, factor in (("_mm", " mm", 1), ("_accuracy", " %", 100), ("_share", " %", 100)):
        if key.endswith(ending):
            name = key.removesuffix(ending).replace("_", " ")
            return f"{name} {value * factor:.0f}{unit}" if factor == 100 else f"{name} {value:.3g}{unit}"
    return f"{key.replace('_', ' ')} {value:.3g}"
