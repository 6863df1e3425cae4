"""`explore`: serves the page about one or two scans on this machine, and opens the run and the scans behind it."""

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orienteer.errors import InputError
from orienteer.explorer.open_page import SERVER_PACKAGES, announced
from orienteer.explorer.shown import kept_scans
from orienteer.extras import require_packages

if TYPE_CHECKING:
    from orienteer.explorer.session import Session

FAREWELL_S = 1.5
"""Time for an open page to ask what went wrong before the server ends."""


def explore(
    run: str,
    scan: tuple[str, ...] | str,
    port: int = 0,
    open_browser: bool = True,
    checkpoint: Literal["last", "best"] = "last",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Opens a page in the browser on which you point at places of a scan and see the model's predictions.

    The page is served to this machine only, under an address with a random token, until Ctrl-C. The prepared scan and its
    features are kept in the store of the run, so that the next start is fast.

    Args:
        run: a folder that `orienteer pretrain` made.
        scan: the scan to explore: a file, or a folder with one DICOM series. Give it twice to compare two scans.
        port: port of the page on 127.0.0.1; 0 takes a free one.
        open_browser: whether to open the page in the browser; its address is printed either way.
        checkpoint: the last weights, or those of the best validation.
        device: where to compute.

    Raises:
        InputError: the extra ``explore`` is not installed, the folder is not a run, a scan cannot be read or is smaller
            than a view, or the port is taken.
    """
    paths = checked_paths(run, scan)
    from orienteer.explorer.server import make_app, running
    from orienteer.explorer.session import Session

    session, token = Session(), secrets.token_urlsafe(24)
    app = make_app(session, token)
    with running(app, port) as actual_port, announced("The explorer", actual_port, token, open_browser):
        _open(session, run, paths, checkpoint, device)
        _wait()


def _open(
    session: "Session",
    run: str,
    paths: tuple[str, ...],
    checkpoint: Literal["last", "best"],
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    try:
        with session.reporting():
            session.draw(kept_scans(run, paths))
            session.stage = "loading the model"
            from orienteer.explorer.opening import open_session  # imports torch

            open_session(session, run, paths, checkpoint, device)
    except Exception:
        _let_page_ask()
        raise


def _let_page_ask() -> None:
    time.sleep(FAREWELL_S)


def _wait() -> None:
    while True:  # until Ctrl-C
        time.sleep(3600)


def checked_paths(run: str, scan: tuple[str, ...] | str) -> tuple[str, ...]:
    """Returns the paths of one scan or two, and refuses at once what would only fail after the model is loaded.

    Raises:
        InputError: the extra ``explore`` is not installed, the folder is not a run, or a scan is not there.
    """
    from orienteer.runs.folder import read_settings

    require_packages("explore", SERVER_PACKAGES, extra="explore")
    paths = (scan,) if isinstance(scan, str) else tuple(scan)
    if not 1 <= len(paths) <= 2:
        raise InputError("scan", wanted="one scan, or two to compare", got=str(len(paths)), do="give --scan FILE")
    read_settings(Path(run))
    for path in paths:
        if not Path(path).exists():
            wanted, got = "a scan file, or a folder with one DICOM series", f"{path}, which does not exist"
            raise InputError("scan", wanted=wanted, got=got, do="check the path")
    return paths
