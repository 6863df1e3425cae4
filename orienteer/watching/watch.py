"""`watch`: serves a page on this machine that shows what a run learns while it trains."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from orienteer.explorer.open_page import SERVER_PACKAGES, announced
from orienteer.extras import require_packages
from orienteer.watching.state import WatchedRun, check_watchable


def watch(run: str, port: int = 0, open_browser: bool = True) -> None:
    """Opens a page in the browser that shows live how a run gets better: loss, gaps, places, similarity and baselines.

    It reads what the run writes and nothing else, so that it can be started before, during and after the training, as often
    as you like, and cannot disturb it. The page is served to this machine only, under an address with a random token, until
    Ctrl-C.

    Args:
        run: a folder that `orienteer pretrain` writes, or will write.
        port: port of the page on 127.0.0.1; 0 takes a free one.
        open_browser: whether to open the page in the browser; its address is printed either way.

    Raises:
        InputError: the extra ``explore`` is not installed, the folder is not that of a run, or the port is taken.
    """
    require_packages("watch", SERVER_PACKAGES, extra="explore")
    folder = Path(run)
    check_watchable(folder)
    serve(folder, port, open_browser, "Press Ctrl-C to stop.", lambda: _wait())


def serve(folder: Path, port: int, open_browser: bool, ends: str, until: Callable[[], None]) -> None:
    """Serves the page of a run until a function returns.

    Args:
        folder: the run folder.
        port: 0 takes a free one.
        open_browser: whether to open the page.
        ends: when the page ends, for the line with its address.
        until: returns when it is to end.

    Raises:
        InputError: the port is taken.
    """
    from orienteer.explorer.server import running
    from orienteer.watching.server import make_app

    token = secrets.token_urlsafe(24)
    app = make_app(WatchedRun(folder), token)
    with running(app, port) as actual_port, announced("The page of the run", actual_port, token, open_browser, ends):
        until()


def _wait() -> None:
    while True:  # until Ctrl-C
        time.sleep(3600)
