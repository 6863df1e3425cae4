"""Ctrl-C and SIGTERM: finish the step, save, then stop. A second Ctrl-C stops at once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orienteer.progress import say


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Gives a function that returns whether Ctrl-C or SIGTERM came while the block runs; a second Ctrl-C exits at once.

    Only the main thread of a process can receive signals; elsewhere the function always returns False.

    Example:
        >>> with stop_requests() as requested:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     requested()
        True
    """
    received: list[int] = []

    def remember(number: int, frame: object) -> None:
        if received and number == signal.SIGINT:
            os._exit(130)
        received.append(number)
        say("\nstopping after this step; Ctrl-C once more stops at once, without saving")

    try:
        former = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        former = {}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
