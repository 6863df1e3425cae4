"""The web server of the page that watches a run: the explorer's, with routes of its own. Every route only reads."""

from typing import Any

from fastapi import FastAPI, Response

from orienteer.explorer.server import page_app, page_files
from orienteer.watching.state import WatchedRun

SCRIPTS = ("shared.js", "requests.js", "charts.js", "panels.js", "watch.js")
"""The scripts of the page, in the order in which it loads them."""

SHARED = ("page.css", "shared.js", "requests.js")
"""Files that are those of the explorer's page."""


def make_app(run: WatchedRun, token: str) -> FastAPI:
    """Returns the web application about a run.

    Args:
        run: that is watched.
        token: required by every request but those for style and scripts.
    """
    page = page_files("orienteer.explorer", SHARED)
    page |= page_files(
        "orienteer.watching", ["index.html", "watch.css", *(name for name in SCRIPTS if name not in SHARED)]
    )
    app = page_app("watch", token, page)

    @app.get("/api/run")
    def answer(version: int = -1) -> dict[str, Any]:
        return run.answer(version)

    @app.get("/api/validation/{step}")
    def validation(step: int) -> dict[str, Any]:
        return run.validation(step)

    @app.get("/api/picture/{step}/{number}")
    def picture(step: int, number: int) -> Response:
        return Response(run.picture(step, number).read_bytes(), media_type="image/png")

    return app
