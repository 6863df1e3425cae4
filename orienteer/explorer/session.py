"""The session: what the server can tell the page at any moment, from before the model is loaded until all is computed.

It imports nothing that takes long, so that the address is there at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from orienteer.explorer.shown import ShownScan

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

    Attributes:
        scans: what can be drawn; empty until the scans are read. Scans that are kept are there before the model is loaded.

    Example:
        >>> session = Session()
        >>> session.stage = "loading the model"
        >>> session.status()
        {'drawable': False, 'open': False, 'stage': 'loading the model', 'progress': {}, 'failure': None}
    """

    def __init__(self, explorer: "Explorer | None" = None) -> None:
        self.explorer: Explorer | None = None
        self.scans: dict[Which, ShownScan] = {}
        self.stage = "starting"
        self.failure: str | None = None
        if explorer is not None:
            self.open(explorer)

    def draw(self, scans: Sequence[ShownScan]) -> None:
        """Lets the page draw one scan or two, before there are answers about them."""
        names: tuple[Which, Which] = ("first", "second")
        self.scans = dict(zip(names, scans, strict=False))

    def open(self, explorer: "Explorer") -> None:
        """Lets the page ask about the scans of an explorer."""
        self.draw([scan.for_page for scan in explorer.scans.values()])
        self.explorer = explorer

    def drawn(self) -> dict[Which, ShownScan]:
        """Returns the scans that can be drawn.

        Raises:
            NotReady: they are not read yet.
        """
        if not self.scans:
            raise NotReady(f"{self.stage}; wait")
        return self.scans

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
        ready = {"drawable": bool(self.scans), "open": explorer is not None}
        return {**ready, "stage": self.stage, "progress": progress, "failure": failure}

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Keeps the message of an error in the block for the page, and raises it."""
        try:
            yield
        except Exception as error:
            self.failure = self.failure or str(error)
            raise
