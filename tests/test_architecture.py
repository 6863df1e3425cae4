"""The page on the architecture shows the packages, layers and commands as they are."""

import importlib.util
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from orienteer.cli import COMMANDS
from tests.contracts.test_imports import LAYERS, PACKAGE, allowed

ROOT = Path(__file__).parents[1]
PAGE, MAP = ROOT / "docs" / "architecture.md", ROOT / "docs" / "img" / "architecture.svg"
DO = "run python docs/make_architecture.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs" / "make_architecture.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_lists_every_part_from_the_highest_layer_down(maker: ModuleType) -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    made = PAGE.read_text().partition(maker.BEGIN)[2].partition("## From a command")[0]
    listed = re.findall(r"^\| `(\w+)` \|", made, re.MULTILINE)
    assert listed == sorted(layer, key=lambda name: (-layer[name], name)), DO


def test_the_map_shows_every_part_in_the_row_of_its_layer() -> None:
    places = re.findall(r'<text x="\d+" y="(\d+)" [^>]*fill="#1a237e">(\w+)<', MAP.read_text())
    rows: dict[int, set[str]] = {}
    for y, name in places:
        rows.setdefault(int(y), set()).add(name)
    assert [rows[y] for y in sorted(rows, reverse=True)] == list(LAYERS), DO


def test_arrows_of_the_map_point_downwards() -> None:
    arrows = re.findall(r"<title>(\w+) imports (\w+)</title>", MAP.read_text())
    assert len(arrows) > 10
    assert [arrow for arrow in arrows if not allowed(*arrow)] == [], DO


def test_arrows_point_downwards(maker: ModuleType) -> None:
    arrows = [(name, target) for name, targets in maker.read_arrows().items() for target in targets]
    assert len(arrows) > 50
    assert [arrow for arrow in arrows if not allowed(*arrow)] == []


def test_a_thinned_map_reaches_what_the_whole_map_reaches(maker: ModuleType) -> None:
    arrows = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert maker.thinned(arrows) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert maker.reachable(arrows, "a") == {"b", "c", "d"}


def test_boxes_of_a_row_do_not_overlap(maker: ModuleType) -> None:
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="40"', MAP.read_text())
    rows: dict[str, list[tuple[int, int]]] = {}
    for x, y, width in boxes:
        rows.setdefault(y, []).append((int(x), int(x) + int(width)))
    assert len(rows) == len(LAYERS)
    for row in rows.values():
        ordered = sorted(row)
        assert all(left[1] < right[0] for left, right in pairwise(ordered))
        assert ordered[0][0] >= 0
        assert ordered[-1][1] <= maker.WIDTH


def test_every_package_says_what_it_holds(maker: ModuleType) -> None:
    assert [part.name for part in maker.read_parts() if not part.about] == []
    without = [folder for folder in PACKAGE.rglob("__init__.py") if not folder.read_text().startswith('"""')]
    assert without == []


def test_every_command_is_in_the_table_with_a_file_that_is_there() -> None:
    rows = re.findall(r"^\| `orienteer (\w+)` \| `(orienteer/\S+\.py)` \| `(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert {command for command, _, _ in rows} == set(COMMANDS), DO
    for _, file, function in rows:
        assert f"def {function}(" in (ROOT / file).read_text()
