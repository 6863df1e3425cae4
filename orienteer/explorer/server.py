"""The explorer's web server: the page, the open scans and the answers about them, for this machine and one token only.

No request names a file: the page's own files have fixed routes, and the scans were opened before the server started.
"""

import base64
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

from orienteer.errors import InputError
from orienteer.explorer.answers import MOST_POINTS, Explorer, NotReady, Which
from orienteer.explorer.volume import cosine_nifti, scan_nifti

HOST = "127.0.0.1"

ASSETS = {
    "page.js": "text/javascript",
    "page.css": "text/css",
    "niivue.js": "text/javascript",
}
"""What anybody on this machine may fetch without the token: it tells nothing about scans."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src data:; connect-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The page may load nothing from elsewhere, and nobody may frame it or learn its address."""

START_S = 20.0
"""How long the server may take to start."""


class Points(BaseModel):
    """Places in the first scan, mm."""

    points_mm: list[list[float]]


class Point(BaseModel):
    """A place in the first scan, mm."""

    point_mm: list[float]


class HeatQuestion(Point):
    """A place, and the scan to compare with it."""

    which: Which = "first"


def make_app(explorer: Explorer, token: str) -> FastAPI:
    """Returns the web application about the explorer's scans.

    Args:
        explorer: what answers.
        token: what every request but those for the page's own scripts must bring, as ``?token=`` or in the header
            ``X-Token``.
    """
    app = FastAPI(title="orienteer explore", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]
    )  # a foreign name may point to 127.0.0.1
    _guard(app, token)
    _say_errors(app)
    _serve_page(app)
    _serve_answers(app, explorer)
    return app


@contextmanager
def running(app: FastAPI, port: int = 0) -> Iterator[int]:
    """Serves an application on this machine only while the block lasts, and gives the port.

    Args:
        app: what to serve.
        port: 0 takes a free one.

    Raises:
        InputError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        do = "leave --port out to take a free one"
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


def _guard(app: FastAPI, token: str) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("x-token") or request.query_params.get("token") or ""
        public = request.method == "GET" and request.url.path.lstrip("/") in ASSETS
        if not public and not secrets.compare_digest(given.encode(), token.encode()):
            response: Response = PlainTextResponse(
                "This address lacks the right token. Open the address that `orienteer explore` printed.", 403
            )
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response


def _say_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    async def bad_input(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 400)

    @app.exception_handler(NotReady)
    async def not_ready(_: Request, error: NotReady) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 503)


def _serve_page(app: FastAPI) -> None:
    folder = files("orienteer.explorer") / "page"
    content = {name: (folder / name).read_bytes() for name in ("index.html", *ASSETS)}

    @app.get("/")
    def page() -> Response:
        return Response(content["index.html"], media_type="text/html")

    def serve(name: str, kind: str) -> None:
        app.add_api_route(f"/{name}", lambda: Response(content[name], media_type=kind))

    for name, kind in ASSETS.items():
        serve(name, kind)


def _serve_answers(app: FastAPI, explorer: Explorer) -> None:
    volumes = {which: scan_nifti(scan) for which, scan in explorer.scans.items()}

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(explorer)

    @app.get("/api/status")
    def status() -> dict[str, Any]:
        return {"progress": explorer.progress, "failure": explorer.failure}

    @app.get("/api/first.nii")
    def first() -> Response:
        return Response(volumes["first"], media_type="application/octet-stream")

    @app.get("/api/second.nii")
    def second() -> Response:
        if "second" not in volumes:
            raise InputError("second scan", wanted="one", got="none", do="give --scan twice")
        return Response(volumes["second"], media_type="application/octet-stream")

    @app.post("/api/gaps")
    def gaps(question: Points) -> dict[str, Any]:
        return _plain(asdict(explorer.gaps(question.points_mm)))

    @app.post("/api/heat")
    def heat(question: HeatQuestion) -> dict[str, Any]:
        answer = explorer.heat(question.point_mm, question.which)
        nifti = cosine_nifti(answer.cosine, answer.origin_mm, answer.cell_mm)
        rest = {key: value for key, value in asdict(answer).items() if key != "cosine"}
        return _plain({**rest, "shape": list(answer.cosine.shape), "nifti": base64.b64encode(nifti).decode()})

    @app.post("/api/same")
    def same(question: Point) -> dict[str, Any]:
        return _plain(asdict(explorer.same_place(question.point_mm)))


def _about(explorer: Explorer) -> dict[str, Any]:
    loaded = explorer.loaded
    scans = {
        which: {
            "name": scan.name,
            "modality": scan.modality,
            "shape_vox": scan.shape_vox,
            "spacing_mm": scan.spacing_mm,
            "bounds_mm": scan.bounds_mm,
            "warnings": scan.warnings,
        }
        for which, scan in explorer.scans.items()
    }
    view_mm = np.array(explorer.size_vox) * explorer.first.spacing_mm
    return _plain(
        {
            "run": loaded.folder.resolve().name,
            "step": loaded.step,
            "method": loaded.config.method,
            "encoder": loaded.config.encoder,
            "view_mm": view_mm,
            "gap_tasks": explorer.gap_tasks,
            "most_points": MOST_POINTS,
            "scans": scans,
        }
    )


def _plain(value: Any) -> Any:
    """Returns JSON values: arrays as lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
