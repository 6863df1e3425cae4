"""The page by touch on a phone, by keyboard alone, and before anything is open; in a real headless Chromium."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.server import HOST, make_app, running
from orienteer.explorer.session import Session
from tests.browser.chromium import run_in_chromium, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def value(explorer: Explorer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("touch")
    alone = Explorer(explorer.loaded, explorer.first)
    alone._features = {"first": explorer._features["first"]}
    with running(make_app(Session(alone), "token")) as port:
        seen = run_in_chromium("explore_touch.mjs", f"http://{HOST}:{port}/?token=token", folder, timeout_s=600)
    assert Path(folder, "phone.png").stat().st_size > 20_000
    return seen["value"]


def test_a_tap_adds_a_point_where_it_is(value: dict[str, Any]) -> None:
    assert value["missed_mm"] < 1e-3
    assert value["after_tap_beside"] == 2
    assert value["window_kept"]


def test_a_phone_of_412_px_needs_no_sideways_scrolling(value: dict[str, Any]) -> None:
    assert value["wide"] == [412, 412]
    assert all(1.0 <= width < 3.0 for width in value["line_px"])  # lines neither break into dashes nor hide the scan
    assert value["findings"] == []


def test_everything_can_be_done_with_the_keyboard(value: dict[str, Any]) -> None:
    assert value["reached"]["layout"]
    assert value["reached"]["scan"]
    assert all(value["reached"]["panel"].values())
    assert (value["next"], value["deleted"]) == (0, 1)
    assert value["opacity"] == "0.3"
    assert value["not_trapped"]


OPEN_AT = 40
"""The page asks four times a second; drawing the scan takes a few seconds without a graphics card."""


class Opening(Session):
    """A session that can be drawn when the page has asked for its status a few times, and opens some requests later."""

    def __init__(self, later: Explorer) -> None:
        super().__init__()
        self.later, self.asked = later, 0

    @property
    def early(self) -> bool:
        """Whether the page has been drawn for a while."""
        return self.asked > OPEN_AT

    def status(self) -> dict[str, Any]:
        self.asked += 1
        self.stage = "loading the model" if self.asked < 3 else "reading a.nii"
        if self.asked == 5:
            self.draw([self.later.first.for_page])
        if self.early:
            self.open(self.later)
        return super().status()


def test_the_page_is_there_before_run_and_scans_are_open(explorer: Explorer) -> None:
    failed = Session()
    failed.failure = "a.nii: wanted a file that can be read, got none. Do this: check the path."
    with running(make_app(Opening(explorer), "token")) as port, running(make_app(failed, "token")) as other:
        addresses = [f"http://{HOST}:{each}/?token=token" for each in (port, other)]
        value = run_in_chromium("explore_start.mjs", *addresses)["value"]
    assert value["first"]["label"]
    assert value["stage"] == "reading a.nii…"
    assert value["busy"]
    assert not value["model_at_ready"]  # the scan is drawn, and points can be added, before the model is loaded
    assert "mm" in value["crosshair"]
    assert (value["early"]["points"], value["early"]["gaps"]) == (2, None)
    assert value["early"]["status"].startswith("The model is being loaded")
    assert value["hidden"]
    assert "method spatial" in value["about"]
    assert "wanted a file that can be read" in value["failure"]
