"""The explorer's web server, for this machine and one token only.

No request can name a file: the files of the page have fixed routes, and the scans are opened before the server starts.
"""

import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from orienteer.errors import InputError
from orienteer.explorer.api import add_routes
from orienteer.explorer.open_page import HOST as HOST
from orienteer.explorer.session import NotReady, Session

SCRIPTS = (
    "niivue.js",
    "shared.js",
    "state.js",
    "requests.js",
    "markers.js",
    "overlay.js",
    "viewer.js",
    "pointer.js",
    "readout.js",
    "windowing.js",
    "layout.js",
    "linked.js",
    "scene.js",
    "results.js",
    "points.js",
    "history.js",
    "files.js",
    "screenshot.js",
    "keys.js",
    "page.js",
)
"""The scripts of the page, in the order in which it loads them."""

ASSETS = ("page.css", *SCRIPTS)
"""Files that are served without the token: they contain nothing about scans."""

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
"""Media type by ending."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src data:; connect-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The page may load nothing from other servers; no other page may frame it or get its address."""

FRAMED = "'self' http://localhost:* http://127.0.0.1:* vscode-webview:"
"""Who may frame the page of a notebook: notebooks that are served on this machine."""

START_S = 20.0
"""Longest time for the server to start."""


def make_app(session: Session, token: str, framed: bool = False) -> FastAPI:
    """Returns the web application of a session.

    Args:
        session: has the explorer that answers the questions, as soon as run and scans are open.
        token: required by every request but those for `ASSETS`, as ``?token=`` or in the header ``X-Token``.
        framed: whether a notebook of this machine may show the page in a frame.
    """
    app = page_app("explore", token, page_files("orienteer.explorer", ("index.html", *ASSETS)), framed)

    @app.exception_handler(NotReady)
    async def not_ready(_: Request, error: NotReady) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 503)

    add_routes(app, session)
    return app


def page_files(package: str, names: Sequence[str]) -> dict[str, bytes]:
    """Returns the content of files in the folder ``page`` of a package, by name."""
    folder = files(package) / "page"
    return {name: (folder / name).read_bytes() for name in names}


def page_app(command: str, token: str, page: Mapping[str, bytes], framed: bool = False) -> FastAPI:
    """Returns a web application that serves one page to those who know its token; routes can be added.

    Args:
        command: that serves it, for messages.
        token: required by every request but those for the files of the page other than ``index.html``.
        page: its files by name; ``index.html`` is served as ``/``.
        framed: whether a notebook of this machine may show the page in a frame.
    """
    app = FastAPI(title=f"orienteer {command}", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]
    )  # another name may resolve to 127.0.0.1
    policy = HEADERS["Content-Security-Policy"]
    headers = HEADERS | {"Content-Security-Policy": policy.replace("ancestors 'none'", f"ancestors {FRAMED}")}
    public = {f"/{name}" for name in page if name != "index.html"}
    _guard(app, command, token, public, headers if framed else HEADERS)
    _serve(app, page)

    @app.exception_handler(InputError)
    async def bad_input(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 400)

    return app


@contextmanager
def running(app: FastAPI, port: int = 0) -> Iterator[int]:
    """Serves an application on this machine while the block runs, and yields the port.

    Args:
        app: what to serve.
        port: 0 chooses a free one.

    Raises:
        InputError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        do = "omit --port to use a free one"
        raise InputError("port", wanted="a free port", got=f"{port} ({error})", do=do) from error
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        ends = time.monotonic() + START_S
        while not server.started and thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _guard(app: FastAPI, command: str, token: str, public: Collection[str], headers: Mapping[str, str]) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("x-token") or request.query_params.get("token") or ""
        free = request.method == "GET" and request.url.path in public
        if not free and not secrets.compare_digest(given.encode(), token.encode()):
            response: Response = PlainTextResponse(
                f"This address has no valid token. Open the address that `orienteer {command}` printed.", 403
            )
        else:
            response = await call_next(request)
        response.headers.update(headers)
        return response


def _serve(app: FastAPI, page: Mapping[str, bytes]) -> None:
    def serve(name: str, content: bytes) -> None:
        path = "/" if name == "index.html" else f"/{name}"
        app.add_api_route(path, lambda: Response(content, media_type=KINDS[name[name.rindex(".") :]]))

    for name, content in page.items():
        serve(name, content)
