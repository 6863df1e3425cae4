"""The session: what the server can tell the page at any moment, from before the model is loaded until all is computed.

It imports nothing that takes long, so that the address is there at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from orienteer.explorer.explorer import Explorer

Which = Literal["first", "second"]

MOST_POINTS = 12
"""Largest number of points in one question: the page has no more colours."""


class NotReady(RuntimeError):
    """What was asked for is still being read or computed."""


class Session:
    """What the page can be told. It may be used by several threads.

    Args:
        explorer: answers questions; None until run and scans are open.

    Example:
        >>> session = Session()
        >>> session.stage = "loading the model"
        >>> session.status()
        {'open': False, 'stage': 'loading the model', 'progress': {}, 'failure': None}
    """

    def __init__(self, explorer: "Explorer | None" = None) -> None:
        self.explorer = explorer
        self.stage = "starting"
        self.failure: str | None = None

    def opened(self) -> "Explorer":
        """Returns the explorer.

        Raises:
            NotReady: run and scans are not open yet.
        """
        if self.explorer is None:
            raise NotReady(f"{self.stage}; wait")
        return self.explorer

    def status(self) -> dict[str, Any]:
        """Returns what is being done, the share of each scan's features that is computed, and what failed."""
        explorer = self.explorer
        progress = {} if explorer is None else explorer.progress
        failure = self.failure or (None if explorer is None else explorer.failure)
        return {"open": explorer is not None, "stage": self.stage, "progress": progress, "failure": failure}

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Keeps the message of an error in the block for the page, and raises it."""
        try:
            yield
        except Exception as error:
            self.failure = self.failure or str(error)
            raise
