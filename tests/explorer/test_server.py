"""The server: who may ask, what can be asked, and that its answers are those of the Python API."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

fastapi = pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer.errors import InputError  # noqa: E402
from orienteer.explorer.explorer import Explorer  # noqa: E402
from orienteer.explorer.nifti import scan_nifti  # noqa: E402
from orienteer.explorer.server import ASSETS, HOST, SCRIPTS, make_app, running  # noqa: E402
from orienteer.explorer.session import Session  # noqa: E402

TOKEN = "a-token"


@pytest.fixture(scope="module")
def port(explorer: Explorer) -> Iterator[int]:
    with running(make_app(Session(explorer), TOKEN)) as taken:
        yield taken


def ask(
    port: int, path: str, question: Any = None, token: str | None = TOKEN, host: str | None = None
) -> tuple[int, bytes, Any]:
    """Returns status, body and headers."""
    headers = {"Content-Type": "application/json"} | ({} if token is None else {"X-Token": token})
    headers |= {} if host is None else {"Host": host}
    data = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


@pytest.mark.parametrize(
    "path", ["/", "/api/about", "/api/scans", "/api/status", "/api/first.nii", "/api/second.nii", "/nothing"]
)
@pytest.mark.parametrize("token", [None, "", "a-toke", "a-token2", "ä"])
def test_without_the_token_nothing_is_served(port: int, path: str, token: str | None) -> None:
    if token == "ä":  # not a header value: in the address
        path, token = f"{path}?token=%C3%A4", None
    status, body, _ = ask(port, path, token=token)
    assert status == 403
    assert b"has no valid token" in body


@pytest.mark.parametrize("path", ["/api/gaps", "/api/heat", "/api/same"])
def test_without_the_token_nothing_is_answered(port: int, path: str) -> None:
    assert ask(port, path, {"point_mm": [0, 0, 0]}, token=None)[0] == 403


def test_the_token_may_be_in_the_address(port: int) -> None:
    status, body, headers = ask(port, f"/?token={TOKEN}", token=None)
    assert status == 200
    assert b"<title>orienteer explore</title>" in body
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_files_of_the_page_need_no_token(port: int, name: str) -> None:
    status, body, _ = ask(port, f"/{name}", token=None)
    assert status == 200
    assert len(body) > 200
    assert TOKEN.encode() not in body


@pytest.mark.parametrize(
    "path",
    ["/../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/api/third.nii", "/page/index.html", "/docs", "/openapi.json",
     "/api/first.nii/..", "/index.html", "/server.py", "//etc/passwd"],
)  # fmt: skip
def test_no_other_path_is_served(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_a_foreign_host_name_is_refused(port: int) -> None:
    assert ask(port, "/api/about", host="evil.example")[0] == 400
    assert ask(port, "/api/about", host=f"localhost:{port}")[0] == 200


def test_it_describes_the_open_scans(port: int, explorer: Explorer) -> None:
    about = json.loads(ask(port, "/api/about")[1])
    assert about["scans"]["first"]["spacing_mm"] == list(explorer.first.spacing_mm)
    drawn = json.loads(ask(port, "/api/scans")[1])["scans"]
    assert drawn["first"]["name"] == explorer.first.name
    assert drawn["second"]["bounds_mm"] == [list(corner) for corner in explorer.scans["second"].bounds_mm]
    assert about["gap_tasks"] == ["gap", "route"]
    assert about["view_mm"] == [128.0] * 3
    assert str(explorer.loaded.folder.parent) not in json.dumps(about)
    assert json.loads(ask(port, "/api/status")[1]) == {
        "drawable": True,
        "open": True,
        "stage": "starting",
        "progress": {"first": 1.0, "second": 1.0, "maps": 1.0},
        "failure": None,
    }


def test_it_serves_the_scans(port: int, explorer: Explorer) -> None:
    assert ask(port, "/api/first.nii")[1] == scan_nifti(explorer.first.shown, "CT")
    assert ask(port, "/api/second.nii")[1] == scan_nifti(explorer.scans["second"].shown, "CT")


def test_it_answers_as_the_python_api_does(port: int, explorer: Explorer, points_mm: list) -> None:
    gaps = json.loads(ask(port, "/api/gaps", {"points_mm": points_mm})[1])
    direct = explorer.gaps(points_mm)
    np.testing.assert_allclose(gaps["predicted_mm"]["route"], direct.predicted_mm["route"])
    np.testing.assert_allclose(gaps["true_mm"], direct.true_mm)
    assert gaps["routes"]["route"]["closure_mm"] == direct.routes["route"].closure_mm
    assert gaps["routes"]["gap"]["closure_mm"] is None
    same = json.loads(ask(port, "/api/same", {"point_mm": points_mm[0]})[1])
    assert same["place_mm"] == list(explorer.same_place(points_mm[0]).place_mm)
    assert same["unsure"] == list(explorer.same_place(points_mm[0]).unsure)


def test_volumes_come_with_what_is_known_about_them(port: int, explorer: Explorer, points_mm: list) -> None:
    _, body, headers = ask(port, "/api/heat", {"point_mm": points_mm[0], "which": "second"})
    direct, answer = explorer.heat(points_mm[0], "second"), json.loads(headers["X-Answer"])
    assert answer["grid"]["shape"] == list(direct.codes.shape)
    assert answer["alike_mm"] == direct.alike_mm
    np.testing.assert_array_equal(np.frombuffer(body, np.uint8).reshape(direct.codes.shape, order="F"), direct.codes)
    _, body, headers = ask(port, "/api/colours?which=second")
    colours = explorer.colours("second")
    assert json.loads(headers["X-Answer"])["shares"] == list(colours.shares)
    shape = (4, *colours.grid.shape)
    sent = np.frombuffer(body, np.uint8).reshape(shape, order="F")
    np.testing.assert_array_equal(np.moveaxis(sent, 0, -1), colours.colours)


def test_before_run_and_scans_are_open_the_page_is_served() -> None:
    session = Session()
    session.stage = "loading the model"
    with running(make_app(session, TOKEN)) as taken:
        assert ask(taken, "/")[0] == 200
        status = json.loads(ask(taken, "/api/status")[1])
        assert (status["drawable"], status["open"]) == (False, False)
        assert (status["stage"], status["progress"]) == ("loading the model", {})
        for path in ("/api/about", "/api/scans", "/api/first.nii", "/api/colours"):
            code, body, _ = ask(taken, path)
            assert (code, b"loading the model; wait" in body) == (503, True)
        session.failure = "a.nii: wanted a file that can be read"
        assert json.loads(ask(taken, "/api/status")[1])["failure"].startswith("a.nii")


def test_a_scan_can_be_drawn_before_the_model_is_loaded(explorer: Explorer) -> None:
    session = Session()
    session.draw([explorer.first.for_page])
    with running(make_app(session, TOKEN)) as taken:
        status = json.loads(ask(taken, "/api/status")[1])
        assert (status["drawable"], status["open"]) == (True, False)
        assert ask(taken, "/api/first.nii")[1] == scan_nifti(explorer.first.shown, "CT")
        assert list(json.loads(ask(taken, "/api/scans")[1])["scans"]) == ["first"]
        assert ask(taken, "/api/second.nii")[0] == 400
        assert ask(taken, "/api/about")[0] == 503


def test_the_page_loads_its_scripts_in_their_order(port: int) -> None:
    page = ask(port, "/")[1].decode()
    assert re.findall(r'<script src="([\w.]+)">', page) == list(SCRIPTS)


@pytest.mark.parametrize(
    ("path", "question", "status", "word"),
    [
        ("/api/gaps", {"points_mm": [[0, 0, 0]]}, 400, "wanted 2 to 12, got 1"),
        ("/api/heat", {"point_mm": [1e9, 0, 0]}, 400, "inside SYNTHETIC"),
        ("/api/heat", {"point_mm": [0, 0, 0], "which": "third"}, 422, "which"),
        ("/api/heat", {"point_mm": "x"}, 422, "point_mm"),
        ("/api/same", {}, 422, "point_mm"),
    ],
)
def test_bad_questions_get_a_message(port: int, path: str, question: dict, status: int, word: str) -> None:
    code, body, _ = ask(port, path, question)
    assert code == status
    assert word in body.decode()


def test_unfinished_features_are_not_an_error(explorer: Explorer, points_mm: list) -> None:
    with running(make_app(Session(Explorer(explorer.loaded, explorer.first)), TOKEN)) as taken:
        code, body, _ = ask(taken, "/api/heat", {"point_mm": points_mm[0]})
        assert code == 503
        assert b"0 % computed" in body
        assert ask(taken, "/api/gaps", {"points_mm": points_mm})[0] == 200
        assert ask(taken, "/api/second.nii")[0] == 400


def test_several_tabs_get_their_own_answers(port: int, explorer: Explorer, points_mm: list) -> None:
    """Two orders of the same points, asked by eight clients at once."""
    orders = [points_mm, points_mm[::-1]] * 4
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda points: json.loads(ask(port, "/api/gaps", {"points_mm": points})[1]), orders))
    for points, answer in zip(orders, answers, strict=True):
        np.testing.assert_allclose(answer["predicted_mm"]["gap"], explorer.gaps(points).predicted_mm["gap"], atol=1e-6)


def test_a_taken_port_is_named(explorer: Explorer, port: int) -> None:
    app = make_app(Session(explorer), TOKEN)
    with pytest.raises(InputError, match=f"port: wanted a free port, got {port}"), running(app, port):
        pass
    with pytest.raises(InputError, match="port: wanted a free port, got 99999"), running(app, 99999):
        pass


def test_the_server_ends_with_its_block(explorer: Explorer) -> None:
    before = threading.active_count()
    with running(make_app(Session(explorer), TOKEN)) as taken:
        assert ask(taken, "/api/status")[0] == 200
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(taken, "/api/status")
    assert threading.active_count() <= before + 8  # the thread pool of earlier requests may stay
