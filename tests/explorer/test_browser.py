"""The page in a real headless Chromium: it shows the answers of the Python API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.server import HOST, make_app, running
from orienteer.explorer.session import Session
from tests.browser.chromium import run_in_chromium, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def seen(explorer: Explorer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What one visit of the page showed, and where its pictures are."""
    folder = tmp_path_factory.mktemp("page")
    with running(make_app(Session(explorer), "token")) as port:
        address = f"http://{HOST}:{port}/?token=token"
        yield run_in_chromium("explore.mjs", address, folder) | {"folder": folder, "port": port}


@pytest.fixture(scope="module")
def value(seen: dict[str, Any]) -> dict[str, Any]:
    return seen["value"]


def test_gaps_on_the_page_are_the_models(value: dict[str, Any], explorer: Explorer) -> None:
    pairs = [(0, 1), (0, 2), (1, 2)]
    for task in ("gap", "route"):
        direct = explorer.gaps(value[task]["points"])
        for row, (i, j) in zip(value[task]["rows"], pairs, strict=True):
            np.testing.assert_allclose(row["truth"], direct.true_mm[i, j], atol=1e-6)
            np.testing.assert_allclose(row["guess"], direct.predicted_mm[task][i, j], atol=1e-4)
            assert row["off"] == pytest.approx(np.linalg.norm(np.subtract(row["guess"], row["truth"])))


def test_the_route_on_the_page_is_the_models(value: dict[str, Any], explorer: Explorer) -> None:
    route = explorer.gaps(value["route"]["points"]).routes["route"]
    assert value["route"]["end_mm"] == pytest.approx(route.end_miss_mm, abs=1e-4)
    assert float(value["route"]["closure_mm"]) == pytest.approx(route.closure_mm, abs=1e-4)
    assert f"the predicted end misses point 3 by {route.end_miss_mm:.0f} mm" in value["route_words"]
    assert value["gap"]["closure_mm"] == "null"


def test_similarity_on_the_page_is_the_models(value: dict[str, Any], explorer: Explorer) -> None:
    point = value["route"]["points"][2]
    for which in ("first", "second"):
        direct = explorer.heat(point, which)  # type: ignore[arg-type]
        shown = np.reshape(value["heat"][which]["codes"], direct.codes.shape, order="F")
        # Rounding of a coordinate on its way through JSON may move a rank by a step.
        assert np.mean(np.abs(shown.astype(int) - direct.codes) <= 1) > 0.99
        assert value["heat"][which]["distinct"] == direct.distinct
        assert value["heat"][which]["grid"]["shape"] == list(direct.grid.shape)
    assert value["rank_at_point"] <= 0.05
    assert {
        "one region": "tells this place apart:",
        "several regions": "apart roughly",
        "few places": "few places apart",
    }[explorer.heat(point).distinct] in value["verdict"]


def test_the_same_place_on_the_page_is_the_models(value: dict[str, Any], explorer: Explorer) -> None:
    import json

    direct = explorer.same_place(value["route"]["points"][2])
    np.testing.assert_allclose(json.loads(value["same"]["place"]), direct.place_mm, atol=1e-4)
    if direct.expect_mm is not None:
        assert float(value["same"]["expect"]) == pytest.approx(direct.expect_mm)
        assert f"Expect ± {direct.expect_mm:.0f} mm." in value["same_words"]
    for reason in direct.unsure:
        assert reason in value["same_words"]
    assert json.loads(value["same"]["unsure"]) == list(direct.unsure)
    assert f"The way back misses the point by {direct.way_back_miss_mm:.0f} mm" in value["same_words"]


def test_it_is_drawn_where_it_is(value: dict[str, Any], explorer: Explorer, seen: dict[str, Any]) -> None:
    """NiiVue's nodes and edges, and the affine that it uses."""
    direct = explorer.gaps(value["route"]["points"])
    meshes = {mesh["name"]: mesh for mesh in value["drawn"]}
    centres = [place.centre_mm for place in direct.places]
    np.testing.assert_allclose(meshes["true"]["nodes"], centres, atol=1e-4)
    np.testing.assert_allclose(meshes["predicted"]["nodes"], direct.routes["route"].stops_mm, atol=1e-3)
    assert meshes["true"]["edges"] == meshes["predicted"]["edges"] == [[0, 1], [1, 2]]
    boxes = [mesh for mesh in value["drawn"] if len(mesh["edges"]) == 12]
    assert len(boxes) == 3
    np.testing.assert_allclose(np.min(boxes[0]["nodes"], axis=0), direct.places[0].low_mm, atol=1e-4)
    np.testing.assert_allclose(np.max(boxes[0]["nodes"], axis=0), direct.places[0].high_mm, atol=1e-4)
    (same,) = [mesh["nodes"] for mesh in value["second_drawn"] if mesh["name"] == "same"]
    np.testing.assert_allclose(same, [explorer.same_place(value["route"]["points"][2]).place_mm], atol=1e-4)
    affine = np.array(value["affine"])
    np.testing.assert_allclose(affine[:3, 3], explorer.first.shown.origin_mm, atol=1e-3)
    np.testing.assert_allclose(affine[:3, :3], np.diag(explorer.first.shown.spacing_mm), atol=1e-6)
    assert value["canvas_bytes"] > 10_000
    assert value["clear_differs"]
    assert (seen["folder"] / "explore.png").stat().st_size > 20_000


def test_error_bars_are_spheres_around_the_predicted_stop(value: dict[str, Any], explorer: Explorer) -> None:
    """Filled where the bar is shorter than the way to the stop, else three broken rings."""
    route = explorer.gaps(value["route"]["points"]).routes["route"]
    assert route.radii_mm is not None
    stop, radius = route.stops_mm[2], route.radii_mm[2]
    unsure = radius > np.linalg.norm(stop - route.stops_mm[0])
    (rings,) = [mesh for mesh in value["drawn"] if mesh["name"] == ("hollow" if unsure else "rings")]
    np.testing.assert_allclose(np.linalg.norm(np.subtract(rings["nodes"], stop), axis=1), radius, rtol=1e-4)
    assert len(rings["edges"]) == (96 if unsure else 144)
    assert [mesh["opacity"] for mesh in value["drawn"] if mesh["name"] == "sphere"] == ([] if unsure else [0.18])
    second = {mesh["name"] for mesh in value["second_drawn"]}
    direct = explorer.same_place(value["route"]["points"][2])
    wanted = set() if direct.expect_mm is None else {"hollow"} if direct.unsure else {"rings", "sphere"}
    assert second == {"same"} | wanted


def test_keys_move_the_crosshair_in_the_body(value: dict[str, Any], explorer: Explorer) -> None:
    step = explorer.first.shown.spacing_mm[0]
    np.testing.assert_allclose(value["keys"], [step, -step, 5 * step], atol=0.5 * step)


def test_invalid_numbers_get_a_message(value: dict[str, Any]) -> None:
    words, invalid, points = value["wrong"]
    assert words.startswith("front: enter a number from")
    assert (invalid, points) == ("true", 4)


def test_tabs_do_not_share_points_and_empty_means_empty(value: dict[str, Any]) -> None:
    assert value["other_points"] == 0
    assert value["emptied"] == {"points": 0, "gaps": True, "similarity": True, "same": True}


def test_without_webgl2_it_says_so_and_answers(value: dict[str, Any]) -> None:
    assert sorted(value["webgl"]) == ["first", "second"]
    assert "has no WebGL2" in value["blind"]


def test_a_wrong_token_is_refused(value: dict[str, Any]) -> None:
    assert "has no valid token" in value["refused"]


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_logged(seen: dict[str, Any]) -> None:
    own = (f"http://{HOST}:{seen['port']}/", "data:", "blob:")
    assert [url for url in seen["requests"] if not url.startswith(own)] == []
    unexpected = [
        line for line in seen["console"] if not line.startswith(("log", "debug", "info")) and "403" not in line
    ]
    assert unexpected == []


def test_axe_reports_no_violation_and_the_page_fits_a_phone(value: dict[str, Any]) -> None:
    assert [each for each in value["findings"] if each["impact"] in ("serious", "critical")] == []
    assert value["findings"] == []
    assert not value["too_wide"]


def test_pictures_are_written(seen: dict[str, Any]) -> None:
    folder: Path = seen["folder"]
    assert {path.name for path in folder.iterdir()} == {"explore.png", "phone.png"}
