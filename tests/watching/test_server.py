"""The server of the page: the explorer's guard, and routes that only read."""

import json
import re
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer.explorer.server import running
from orienteer.watching.server import SCRIPTS, make_app
from orienteer.watching.state import WatchedRun
from tests.explorer.test_server import TOKEN, ask
from tests.watching.conftest import GrowingRun


@pytest.fixture
def port(growing: GrowingRun) -> Iterator[int]:
    growing.at_step(3)
    with running(make_app(WatchedRun(growing.folder), TOKEN)) as taken:
        yield taken


@pytest.mark.parametrize("path", ["/", "/api/run", "/api/validation/3", "/api/picture/3/0", "/nothing"])
def test_without_the_token_nothing_is_served(port: int, path: str) -> None:
    status, body, _ = ask(port, path, token=None)
    assert status == 403
    assert b"that `orienteer watch` printed" in body


@pytest.mark.parametrize("name", ["page.css", "watch.css", *SCRIPTS])
def test_files_of_the_page_need_no_token(port: int, name: str) -> None:
    status, body, headers = ask(port, f"/{name}", token=None)
    assert status == 200
    assert len(body) > 200
    assert headers["Content-Type"].startswith("text/css" if name.endswith("css") else "text/javascript")


def test_the_page_loads_its_scripts_in_their_order(port: int) -> None:
    page = ask(port, "/")[1].decode()
    assert tuple(re.findall(r'<script src="([\w.]+)">', page)) == SCRIPTS
    assert "http" not in re.sub(r"<title>.*?</title>", "", page)


def test_a_foreign_host_name_is_refused(port: int) -> None:
    assert ask(port, "/api/run", host="evil.example")[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/api/validation/step",
        "/api/validation/..%2f..%2fconfig.yaml",
        "/config.yaml",
        "/api/picture/3/gap.png",
        "/index.html",
    ],
)
def test_no_other_path_is_served(port: int, path: str) -> None:
    assert ask(port, path)[0] in (404, 422)


def test_it_answers_as_the_run_does(port: int, growing: GrowingRun) -> None:
    direct = WatchedRun(growing.folder)
    wanted = direct.answer()
    answer = json.loads(ask(port, "/api/run")[1])
    assert {**answer, "age_s": 0, "version": 0} == {**wanted, "age_s": 0, "version": 0}
    assert "loss" not in json.loads(ask(port, f"/api/run?version={answer['version']}")[1])
    assert json.loads(ask(port, "/api/validation/3")[1]) == direct.validation(3)
    status, body, headers = ask(port, "/api/picture/3/0")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert body == direct.picture(3, 0).read_bytes()
    assert str(growing.folder.parent) not in json.dumps(answer)


def test_what_is_not_there_gets_a_message(port: int) -> None:
    for path, word in (("/api/validation/5", b"got step 5"), ("/api/picture/3/9", b"wanted one of 3, got 9")):
        status, body, _ = ask(port, path)
        assert status == 400
        assert word in body
