"""The explorer inside a notebook: its page in a frame, served by the notebook's own process."""

import atexit
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orienteer.errors import InputError
from orienteer.explorer.explore import checked_paths
from orienteer.explorer.open_page import HOST

if TYPE_CHECKING:
    from orienteer.explorer.session import Session


class InlinePage:
    """A page that a notebook shows where this is the value of a cell. `close` ends its server.

    Args:
        address: with its token.
        height_px: of the frame.
        stop: ends the server.

    Attributes:
        address: to open the page in a tab of its own, on the same machine.
    """

    def __init__(self, address: str, height_px: int, stop: Callable[[], None]) -> None:
        self.address, self._height_px, self._stop = address, height_px, stop
        atexit.register(self.close)

    def close(self) -> None:
        """Ends the server; the frame stays empty. It ends with the notebook's process at the latest."""
        atexit.unregister(self.close)
        self._stop()

    def _repr_html_(self) -> str:
        """Returns the frame, and what to do where a browser on another machine cannot reach it."""
        address, port = escape(self.address, quote=True), self.address.split(":")[2].split("/")[0]
        style = f"width: 100%; height: {self._height_px}px; border: 0"
        return (
            f'<iframe src="{address}" title="orienteer explore" style="{style}"></iframe>'
            f'<p>The explorer, <a href="{address}" target="_blank" rel="noreferrer">in a tab of its own</a>. If nothing '
            "appears, the notebook runs on another machine: forward its port, "
            f"<code>ssh -L {port}:{HOST}:{port} MACHINE</code>.</p>"
        )


def explore_inline(
    run: str | Path,
    scan: str | Path | Sequence[str | Path],
    height_px: int = 720,
    checkpoint: Literal["last", "best"] = "last",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> InlinePage:
    """Returns the explorer as a page to show in a notebook; make it the last line of a cell.

    The page is served to this machine only, under an address with a random token, by a thread of the notebook's process. The
    address is part of the notebook's output, and worth nothing once the server has ended.

    Args:
        run: a folder that `orienteer.pretrain` made.
        scan: the scan to explore: a file, or a folder with one DICOM series; or two of them to compare.
        height_px: height of the frame, pixels.
        checkpoint: the last weights, or those of the best validation.
        device: where to compute.

    Raises:
        InputError: the extra ``explore`` is not installed, the folder is not a run, or a scan is not there. What is wrong with
            a scan itself is shown on the page.
    """
    if height_px < 200:
        raise InputError("height_px", wanted="at least 200 pixels", got=str(height_px), do="use 720")
    scans = (str(scan),) if isinstance(scan, (str, Path)) else tuple(map(str, scan))
    paths = checked_paths(str(run), scans)
    from orienteer.explorer.server import make_app, running
    from orienteer.explorer.session import Session

    session, token = Session(), secrets.token_urlsafe(24)
    with ExitStack() as server:
        port = server.enter_context(running(make_app(session, token, framed=True)))
        threading.Thread(target=_open, args=(session, str(run), paths, checkpoint, device), daemon=True).start()
        return InlinePage(f"http://{HOST}:{port}/?token={token}", height_px, server.pop_all().close)


def _open(
    session: "Session",
    run: str,
    paths: tuple[str, ...],
    checkpoint: Literal["last", "best"],
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    """Opens run and scans; what fails is shown on the page, which is where a person looks."""
    from orienteer.explorer.opening import open_session
    from orienteer.explorer.shown import kept_scans

    with suppress(Exception), session.reporting():
        session.draw(kept_scans(run, paths))
        open_session(session, run, paths, checkpoint, device, shown=False)
