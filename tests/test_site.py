"""The site of the documentation: every page is built as written, and can be read in a browser, on a desk and on a phone."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import run_in_chromium
from tests.helpers.docs_blocks import blocks
from tests.helpers.site import Page, read_site
from tests.test_docs import DOCS, ROOT, ROOT_PAGES

LOOKED_AT = ("", "first-run/", "results/", "settings/")
"""Addresses of the pages that are opened in a browser: the front page, commands, wide tables, code of other languages."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site was built: the strict build passes."""
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return folder


def test_the_site_is_built_as_written(folder: Path) -> None:
    """On every page fences became blocks, links resolve and nothing comes from elsewhere."""
    site = read_site(folder)
    sources = {str(page.relative_to(DOCS)): page for page in DOCS.rglob("*.md")} | ROOT_PAGES
    assert {address_of(name) for name in sources} <= set(site)
    for name, source in sources.items():
        assert_blocks_became_blocks(source, site[address_of(name)])
    for page in site.values():
        assert [line for line in page.text.splitlines() if "```" in line] == [], page.address
        assert page.external_sources == [], page.address
        assert [link for link in page.links if not resolves(link, page, site, folder)] == [], page.address


@pytest.fixture(scope="module")
def seen(folder: Path) -> Iterator[dict[str, Any]]:
    """What Chromium saw of each page of `LOOKED_AT`, served as a web server would."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pages = [f"http://127.0.0.1:{server.server_port}/{address}" for address in LOOKED_AT]
        yield run_in_chromium("site.mjs", folder.parent, *pages, timeout_s=300.0)
        server.shutdown()


def test_pages_look_as_meant_in_chromium(seen: dict[str, Any]) -> None:
    for page in seen["value"]:
        assert page["findings"] == [], page["address"]
        assert page["phone_wider_by"] <= 0, page["address"]
        assert page["broken_pictures"] == [], page["address"]
        assert page["colours"] > 200, page["address"]  # an empty or unstyled page has few
        assert page["header_px"] > 40, page["address"]
    assert seen["console"] == []


def test_code_has_colours_and_wide_tables_scroll_by_keyboard(seen: dict[str, Any]) -> None:
    by_address = dict(zip(LOOKED_AT, seen["value"], strict=True))
    assert by_address["settings/"]["code_colours"] > 3
    tables = by_address["results/"]["tables"]
    assert tables["wide"] == tables["focusable"] > 0


def address_of(name: str) -> str:
    """Returns where a page of the documentation lies in the site."""
    return "index.html" if name == "index.md" else f"{name.removesuffix('.md')}/index.html"


def assert_blocks_became_blocks(source: Path, page: Page) -> None:
    """Asserts that every fenced block of the source is one code block of the page with the same code, and in its order."""
    written = ["\n".join(line.rstrip() for line in block.code.strip().splitlines()) for block in blocks(source)]
    built = ["\n".join(line.rstrip() for line in code.strip().splitlines()) for code in page.code_blocks]
    assert [code for code in written if code not in built] == [], source.name
    assert len(built) >= len(written)


def resolves(link: str, page: Page, site: dict[str, Page], folder: Path) -> bool:
    """Returns whether a link inside the site leads to a file and, if it names one, to an element of it."""
    path, _, anchor = link.partition("#")
    target = os.path.normpath(folder / page.address if not path else folder / Path(page.address).parent / path)
    file = Path(target) / "index.html" if Path(target).is_dir() else Path(target)
    if not file.is_file():
        return False
    return not anchor or file.suffix != ".html" or anchor in site[str(file.relative_to(folder))].anchors


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not printed."""
