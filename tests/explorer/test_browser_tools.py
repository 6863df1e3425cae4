"""What people expect of a viewer, on the page in a real headless Chromium."""

import csv
import io
import json
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

AXIAL, CORONAL, SAGITTAL, RENDERED = 0, 1, 2, 4


@pytest.fixture(scope="module")
def seen(explorer: Explorer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("tools")
    with running(make_app(Session(explorer), "token")) as port:
        address = f"http://{HOST}:{port}/?token=token"
        yield run_in_chromium("explore_tools.mjs", address, folder, timeout_s=600)


@pytest.fixture(scope="module")
def value(seen: dict[str, Any]) -> dict[str, Any]:
    return seen["value"]


def test_a_click_beside_the_slices_or_in_3d_adds_no_point(value: dict[str, Any]) -> None:
    assert value["beside"] == 0
    assert value["beside_after_one"] == 1
    assert value["dragged"] == 1


def test_points_can_be_undone_and_survive_a_reload(value: dict[str, Any]) -> None:
    assert (value["undone"], value["redone"], value["undone_clear"], value["reloaded"]) == (1, True, True, True)
    assert value["after_undo_in_field"] == 2


def test_markups_are_slicers_in_lps_mm(value: dict[str, Any]) -> None:
    content = json.loads(value["files"]["markups"])
    (markups,) = content["markups"]
    assert content["@schema"].endswith("markups-schema-v1.0.3.json#")
    assert (markups["type"], markups["coordinateSystem"], markups["coordinateUnits"]) == ("Fiducial", "LPS", "mm")
    table = list(csv.DictReader(io.StringIO(value["files"]["csv"])))
    assert list(table[0]) == ["label", "right_mm", "front_mm", "head_mm"]
    for point, row in zip(markups["controlPoints"], table, strict=True):
        ours = [float(row[name]) for name in ("right_mm", "front_mm", "head_mm")]
        np.testing.assert_allclose(np.array(point["position"]) * (-1, -1, 1), ours, atol=1e-3)
        assert (point["label"], point["positionStatus"]) == (row["label"], "defined")


def test_saved_points_are_loaded_where_they_were(value: dict[str, Any]) -> None:
    assert value["loaded_markups"] < 1e-6
    assert value["loaded_csv"] < 1e-3
    assert value["slicer_points"] < 1e-6
    assert value["slicer_table"] == "1 point from slicer.csv."
    assert "liver, left: " in value["slicer_label"]


def test_files_that_are_no_points_of_this_scan_change_nothing(value: dict[str, Any]) -> None:
    wanted = ["wanted Slicer markups", "point 1 (R 100000, A 0, S 0 mm) is outside this scan", "wanted mm, got cm"]
    wanted += [
        "wanted the columns right_mm, front_mm, head_mm",
        "wanted at least one point",
        "wanted three numbers, got 1,NaN,3",
    ]
    for message, words in zip(value["refused"], wanted, strict=True):
        assert words in message
        assert "Do this:" in message
    assert value["after_refused"] < 1e-3


def test_windows_have_presets_and_a_readout(value: dict[str, Any]) -> None:
    for name, (width, level) in {"lung": (1500, -600), "bone": (1800, 400), "soft tissue": (400, 40)}.items():
        first, second, words, typed = value["windows"][name]
        assert first == second == [level - width / 2, level + width / 2]
        assert (words.replace("−", "-"), typed) == (f"window {width}, level {level} HU", str(width))
    assert value["windows"]["typed"] == [[0, 100], "custom"]
    unchanged, message = value["windows"]["wrong"]
    assert unchanged == [0, 100]
    assert "enter a width above 0" in message
    dragged, words = value["windows"]["dragged"]
    assert dragged != [0, 100]
    assert (
        words.replace("−", "-") == f"window {dragged[1] - dragged[0]:.0f}, level {(dragged[0] + dragged[1]) / 2:.0f} HU"
    )
    assert value["windows"]["double_click"]


def test_under_the_pointer_are_position_sides_and_hu(value: dict[str, Any], explorer: Explorer) -> None:
    shown, place = explorer.first.shown, np.array(value["under"]["place"])
    at = np.rint((place - shown.origin_mm) / shown.spacing_mm).astype(int)
    hu = shown.voxels[tuple(at)] * shown.slope + shown.intercept
    sides = [("LR"[int(x >= 0)], abs(x)) for x in place[:1]] + [("PA"[int(y >= 0)], abs(y)) for y in place[1:2]]
    sides += [("IS"[int(z >= 0)], abs(z)) for z in place[2:]]
    words = ", ".join(f"{letter} {round(length)}" for letter, length in sides)
    assert value["under"]["text"].startswith(f"pointer {words} mm · {hu:.0f} HU · most similar ".replace("-", "−"))
    assert value["under"]["beside"] == ""
    assert value["under"]["crosshair"].startswith("crosshair ")


def test_layouts_and_one_slice_views(value: dict[str, Any]) -> None:
    for name, shown in {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "3d": RENDERED}.items():
        assert value["layouts"][name] == [[shown], [shown]]
    for name in ("all", "grid"):
        assert [sorted(each) for each in value["layouts"][name]] == [[AXIAL, CORONAL, SAGITTAL, RENDERED]] * 2
    assert value["layout_by_key"] == "axial"


def test_the_scale_bar_has_its_length(value: dict[str, Any]) -> None:
    bar = value["bar"]
    number, unit = bar["text"].split()
    length_mm = float(number) * (10 if unit == "cm" else 1)
    assert bar["width"] == pytest.approx(length_mm * abs(value["px_per_mm"]), rel=1e-6)
    assert bar["page_width"] == pytest.approx(bar["width"], abs=1)
    assert bar["shown"] == bar["text"]
    assert bar["off"]


def test_the_ruler_measures_and_adds_no_points(value: dict[str, Any]) -> None:
    assert value["ruler"]["measured"] == [pytest.approx(value["ruler"]["truth"], rel=0.02)]
    assert (value["ruler"]["added"], value["ruler"]["cleared"]) == (0, 0)


def test_both_scans_scroll_by_the_same_way(value: dict[str, Any]) -> None:
    for moved in (value["linked"], value["scrolled"]):
        first, second = np.array(moved)
        assert np.abs(first).max() > 1
        np.testing.assert_allclose(first, second, atol=0.1)
    first, second = np.array(value["unlinked"])
    assert np.abs(first).max() > 1
    np.testing.assert_allclose(second, 0, atol=1e-3)


def test_overlays_and_the_bones_change_the_picture(value: dict[str, Any], explorer: Explorer) -> None:
    assert value["overlays_differ"] == [True, True, True]
    assert value["bone_differs"]
    shares = ", ".join(f"{100 * share:.0f}" for share in explorer.colours().shares)
    assert shares in value["features_text"]


def test_the_page_is_dark_and_remembers_light(value: dict[str, Any]) -> None:
    dark, light, again = value["theme"]
    assert (dark, light, again) == ("rgb(20, 24, 29)", "rgb(255, 255, 255)", "rgb(255, 255, 255)")
    assert value["theme_words"] == ["Light page", "Dark page"]
    assert value["light_findings"] == []


def test_error_bars_of_one_scan_are_not_trusted(value: dict[str, Any]) -> None:
    one, five = value["bars"]
    assert "calibrated on 1 held-out scan: one scan does not show how many errors on others it contains." in one
    assert "calibrated on 5 held-out scans, where bars along the axes contained 87 % of the errors" in five


def test_a_screenshot_holds_both_scans(value: dict[str, Any]) -> None:
    from PIL import Image

    with Image.open(Path(value["shot"])) as picture:
        pixels = np.asarray(picture.convert("L"))
    (width, first), (_, second) = value["shot_size"]
    assert pixels.shape[1] == width
    assert pixels.shape[0] > first + second + 60
    assert pixels[44 : 44 + first].std() > 10
    assert pixels[-second:].std() > 10
    assert pixels[:40].max() > 200  # the caption


def test_nothing_is_logged(seen: dict[str, Any]) -> None:
    assert [line for line in seen["console"] if not line.startswith(("log", "debug", "info"))] == []
