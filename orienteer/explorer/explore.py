"""`explore`: serves the page about one or two scans on this machine, and opens the run and the scans behind it."""

import secrets
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orienteer.errors import InputError
from orienteer.explorer.open_page import open_page, redirect_page
from orienteer.explorer.shown import kept_scans

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
    _check_installed()
    paths = (scan,) if isinstance(scan, str) else tuple(scan)
    _check_paths(run, paths)
    from orienteer.explorer.server import HOST, make_app, running
    from orienteer.explorer.session import Session

    session, token = Session(), secrets.token_urlsafe(24)
    with running(make_app(session, token), port) as actual_port, ExitStack() as until_ctrl_c:
        address = f"http://{HOST}:{actual_port}/?token={token}"
        print(f"The explorer is at {address}\nPress Ctrl-C to stop.", flush=True)
        if open_browser:
            page = until_ctrl_c.enter_context(redirect_page(address))
            threading.Thread(target=open_page, args=(page,), daemon=True).start()
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


def _check_installed() -> None:
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError(
            "explore",
            wanted="the packages fastapi and uvicorn",
            got=f"no {error.name}",
            do='pip install "orienteer[explore]"',
        ) from error


def _check_paths(run: str, paths: tuple[str, ...]) -> None:
    """Refuses at once what would only fail after the model is loaded."""
    from orienteer.runs.folder import read_settings

    if not 1 <= len(paths) <= 2:
        raise InputError("scan", wanted="one scan, or two to compare", got=str(len(paths)), do="give --scan FILE")
    read_settings(Path(run))
    for path in paths:
        if not Path(path).exists():
            wanted, got = "a scan file, or a folder with one DICOM series", f"{path}, which does not exist"
            raise InputError("scan", wanted=wanted, got=got, do="check the path")
