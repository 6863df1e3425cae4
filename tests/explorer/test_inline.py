"""The explorer inside a notebook: a frame that only notebooks of this machine may show."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer import explore_inline
from orienteer.errors import InputError
from orienteer.explorer.inline import InlinePage
from orienteer.explorer.server import HOST, make_app, running
from orienteer.explorer.session import Session
from tests.browser.chromium import run_in_chromium


@pytest.fixture
def page(small_run: Path, new_scans: list[Path]) -> Iterator[InlinePage]:
    page = explore_inline(small_run, new_scans[0], height_px=500, device="cpu")
    yield page
    page.close()


def policy(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return str(answer.headers["Content-Security-Policy"])


def status(page: InlinePage) -> dict[str, Any]:
    with urllib.request.urlopen(page.address.replace("/?", "/api/status?"), timeout=30) as answer:
        content: dict[str, Any] = json.loads(answer.read())
    return content


def until(page: InlinePage, key: str, within_s: float = 60.0) -> dict[str, Any]:
    limit = time.monotonic() + within_s
    while not status(page)[key] and time.monotonic() < limit:
        time.sleep(0.1)
    return status(page)


def test_it_is_a_frame_with_the_address_and_ends_when_it_is_closed(page: InlinePage) -> None:
    html = page._repr_html_()
    assert f'<iframe src="{page.address}" title="orienteer explore"' in html
    assert "height: 500px" in html
    assert until(page, "open")["failure"] is None
    port = page.address.split(":")[2].split("/")[0]
    assert f"ssh -L {port}:127.0.0.1:{port}" in html
    page.close()
    with pytest.raises(urllib.error.URLError, match="refused"):
        status(page)
    page.close()  # twice does no harm


def test_only_notebooks_of_this_machine_may_frame_it(page: InlinePage) -> None:
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview:" in policy(page.address)
    with running(make_app(Session(), "token")) as port:
        assert "frame-ancestors 'none'" in policy(f"http://{HOST}:{port}/?token=token")


def test_a_scan_that_cannot_be_read_is_named_on_the_page(small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"no scan")
    page = explore_inline(small_run, [tmp_path / "broken.nii.gz"], device="cpu")
    try:
        assert "broken.nii.gz" in until(page, "failure")["failure"]
    finally:
        page.close()


def test_what_cannot_work_is_refused_before_anything_is_served(
    small_run: Path, new_scans: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="height_px: wanted at least 200 pixels, got 50"):
        explore_inline(small_run, new_scans[0], height_px=50)
    with pytest.raises(InputError, match="wanted a run folder"):
        explore_inline(tmp_path, new_scans[0])
    with pytest.raises(InputError, match="which does not exist"):
        explore_inline(small_run, tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match="wanted one scan, or two to compare, got 3"):
        explore_inline(small_run, [*new_scans, new_scans[0]])


def test_a_notebook_in_a_browser_shows_it(page: InlinePage, tmp_path: Path) -> None:
    """As a notebook does: a page of another port of this machine, with the value of the cell in it."""
    until(page, "open")
    (tmp_path / "notebook.html").write_text(f"<!doctype html><title>notebook</title>{page._repr_html_()}")
    visit = run_in_chromium("inline.mjs", tmp_path / "notebook.html", tmp_path / "notebook.png")
    assert visit["value"]["points"] == 1
    assert "orienteer explore" in visit["value"]["head"]
    assert visit["value"]["foreign"] == ""  # a page of another machine may not frame it
