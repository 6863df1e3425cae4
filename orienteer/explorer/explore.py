"""`explore`: opens a run and one or two scans, and serves the page about them on this machine."""

import secrets
import sys
import threading
import time
from contextlib import ExitStack
from typing import Literal

from orienteer.errors import InputError
from orienteer.explorer.open_page import open_page, redirect_page


def explore(
    run: str,
    scan: tuple[str, ...] | str,
    port: int = 0,
    open_browser: bool = True,
    checkpoint: Literal["last", "best"] = "last",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Opens a page in the browser on which you point at places of a scan and see the model's predictions.

    The page is served to this machine only, under an address with a random token, until Ctrl-C.

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
    if not 1 <= len(paths) <= 2:
        raise InputError("scan", wanted="one scan, or two to compare", got=str(len(paths)), do="give --scan FILE")
    from orienteer.explorer.explorer import Explorer
    from orienteer.explorer.open_scan import open_scan
    from orienteer.explorer.server import HOST, make_app, running
    from orienteer.runs.loaded import load_run

    loaded = load_run(run, checkpoint, device)
    explorer = Explorer(loaded, *(open_scan(path, loaded) for path in paths))
    for opened in explorer.scans.values():
        for warning in opened.warnings:
            print(f"{opened.name}: {warning}", file=sys.stderr)
    token = secrets.token_urlsafe(24)
    with running(make_app(explorer, token), port) as actual_port, ExitStack() as until_ctrl_c:
        address = f"http://{HOST}:{actual_port}/?token={token}"
        print(f"The explorer is at {address}\nPress Ctrl-C to stop.", flush=True)
        if open_browser:
            page = until_ctrl_c.enter_context(redirect_page(address))
            threading.Thread(target=open_page, args=(page,), daemon=True).start()
        explorer.prepare()
        _wait()


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
