"""The page in a real headless Chromium, while the run that it shows goes on, is killed and ends."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer.explorer.server import HOST, running
from orienteer.locks import process_words
from orienteer.runs.run import Run
from orienteer.runs.validations import read_shown
from orienteer.watching.server import make_app
from orienteer.watching.state import WatchedRun
from tests.browser.chromium import run_in_chromium, why_not
from tests.helpers.run_files import lines
from tests.watching.conftest import GrowingRun

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def seen(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a visit of the page showed from before the run to its end, and where its pictures are."""
    folder = tmp_path_factory.mktemp("watched")
    run = GrowingRun(folder / "run", finished.folder)
    (folder / "pictures").mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    with ExitStack() as page:
        port = page.enter_context(running(make_app(WatchedRun(run.folder), "token")))
        moves = {
            "first": lambda: run.at_step(3),
            "second": lambda: (run.at_step(6), run.held_by(process_words(os.getpid()))),
            "kill": lambda: run.held_by(process_words(dead.pid)),
            "end": run.end,
            "stop": page.close,
        }
        with Steered(moves) as steering:
            address = f"http://{HOST}:{port}/?token=token"
            visit = run_in_chromium("watch.mjs", address, folder / "pictures", steering, timeout_s=240.0)
    return visit | {"folder": folder, "port": port, "steering": steering}


class Steered:
    """A server through which the script in the browser lets the run go on."""

    def __init__(self, moves: dict[str, Any]) -> None:
        class Steering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                moves[self.path.strip("/")]()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"done")

            def log_message(self, *_: Any) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer((HOST, 0), Steering)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://{HOST}:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def value(seen: dict[str, Any]) -> dict[str, Any]:
    return seen["value"]


def mean_errors_mm(run: Run, step: int, task: str) -> tuple[float, float]:
    """The mean error of the gaps of pairs i < j, and of the places that follow from all gaps, by numpy."""
    (scan,) = read_shown(run.folder, step)["scans"]
    centres, gaps = np.array(scan["centres_mm"]), np.array(scan["gaps_mm"][task])
    i, j = np.triu_indices(len(centres), 1)
    off = np.linalg.norm(gaps[i, j] - (centres[j] - centres[i]), axis=1).mean()
    places = centres.mean(axis=0) + gaps.mean(axis=0)
    return float(off), float(np.linalg.norm(places - centres, axis=1).mean())


def rounded(value: float) -> str:
    """A number as the page writes it."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}".replace("-", "−")


def test_before_the_run_begins_the_page_waits(value: dict[str, Any]) -> None:
    assert value["waiting"] == "Waiting: the run folder does not exist yet."
    assert value["empty"] == {"findings": [], "curves": False}


@pytest.mark.parametrize(("moment", "step", "task"), [("first", 3, "gap"), ("second", 6, "gap"), ("route", 6, "route")])
def test_gaps_and_places_are_those_of_the_run(
    value: dict[str, Any], finished: Run, moment: str, step: int, task: str
) -> None:
    off_mm, place_mm = mean_errors_mm(finished, step, task)
    assert value[moment]["step"] == f"step {step}"
    assert f"of 3 pairs of views: mean error {rounded(off_mm)} mm" in value[moment]["gaps"]
    assert f"miss by {rounded(place_mm)} mm" in value[moment]["coronal"]
    assert value[moment]["places"] == 3


def test_the_similarity_curve_is_that_of_the_run(value: dict[str, Any], finished: Run) -> None:
    curves = read_shown(finished.folder, 6)["falloff"]["similarity"]
    rank = f"rank correlation {curves['model']['rank']:.2f} of the model, {curves['raw']['rank']:.2f} of raw".replace(
        "-", "−"
    )
    assert rank in value["second"]["similarity"]


def test_metrics_stand_beside_their_baselines_and_grow(value: dict[str, Any], finished: Run) -> None:
    for moment, row in zip(("first", "second"), lines(finished.folder, "heldout"), strict=True):
        label = value[moment]["metrics"]["metric-gap_error_mm"]
        assert label == (
            f"gap error (mm): {rounded(row['gap_error_mm'])}, baseline trivial {rounded(row['gap_error_mm_trivial'])}, "
            f"baseline histogram {rounded(row['gap_error_mm_histogram'])}"
        )
    assert (value["first"]["marks"], value["second"]["marks"]) == (1, 2)  # one dot a validation
    rows = {row[0]: row[1:] for row in value["table"]}
    assert rows["metric"] == ["model", "trivial", "histogram"]
    assert rows["near far (%)"][0] == rounded(100 * finished.summary["heldout"]["near_far_accuracy"])


def test_the_page_follows_without_being_loaded_again_and_two_readers_see_the_same(value: dict[str, Any]) -> None:
    assert value["same"]
    assert value["second"]["step"] != value["first"]["step"]
    assert value["other"] == value["second"]


def test_one_can_look_back_by_keyboard(value: dict[str, Any]) -> None:
    assert value["back"]["gaps"] == value["first"]["gaps"]
    assert value["back"]["metrics"] == value["second"]["metrics"]
    assert (value["back"]["follow"], value["back"]["value"]) == (False, "step 3")


def test_pictures_of_the_validation_are_shown(value: dict[str, Any]) -> None:
    names = ("gap", "route", "similarity")
    assert value["second"]["pictures"] == [f"Targets and predictions of {name} at step 6" for name in names]
    assert len(value["pictures"]) == 3
    assert min(value["pictures"]) > 500


def test_a_run_that_was_killed_and_one_that_ended_are_told_apart(value: dict[str, Any]) -> None:
    assert value["stopped"].startswith(
        "Stopped at step 6 of 6: no process is training it. Resume with: orienteer pretrain"
    )
    assert value["finished"] == "Finished after step 6 of 6."


def test_when_the_server_ends_the_last_state_stays(value: dict[str, Any]) -> None:
    assert "does not respond" in value["gone"]["note"]
    assert "The last state is shown." in value["gone"]["note"]
    assert value["gone"]["gaps"] == value["second"]["gaps"]


def test_a_wrong_token_is_refused(value: dict[str, Any]) -> None:
    assert "has no valid token" in value["refused"]


def test_every_control_is_reached_by_keyboard_and_seen(value: dict[str, Any]) -> None:
    names = [each["name"] for each in value["tabs"]]
    assert names[:6] == ["theme", "when", "play", "follow", "scan", "task"]
    assert names.count("summary") == 2
    assert all(each["seen"] for each in value["tabs"])


def test_axe_reports_no_violation_dark_light_and_on_a_phone(value: dict[str, Any]) -> None:
    assert (value["findings"], value["light"], value["phone"]["findings"]) == ([], [], [])
    assert value["phone"]["wider"] == 0


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_logged(seen: dict[str, Any]) -> None:
    ours = (f"http://{HOST}:{seen['port']}/", "data:", "blob:")
    assert [url for url in seen["requests"] if not url.startswith(ours)] == []
    unexpected = [line for line in seen["console"] if "403" not in line and "ERR_CONNECTION_REFUSED" not in line]
    assert unexpected == []


def test_pictures_are_taken(seen: dict[str, Any]) -> None:
    assert {path.name for path in (seen["folder"] / "pictures").iterdir()} == {
        "watch.png",
        "watch_light.png",
        "watch_phone.png",
    }
