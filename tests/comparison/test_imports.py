"""The rooms of the comparison import downwards only."""

from pathlib import Path

import pytest

from tests.contracts.test_imports import imported_modules

COMPARISON = Path(__file__).parents[2] / "orienteer" / "comparison"

ROOMS = ({"config", "keywords"}, {"plan"}, {"measures"}, {"work"}, {"results"}, {"compare"}, {"ablate"})
"""Lowest first. A room may import from itself and from lower ones."""

LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def room_of(file: Path) -> str:
    return file.relative_to(COMPARISON).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "file",
    sorted(file for file in COMPARISON.rglob("*.py") if file.stem != "__init__"),
    ids=lambda file: str(file.relative_to(COMPARISON)),
)
def test_no_room_imports_upwards(file):
    assert room_of(file) in LEVEL, f"give '{room_of(file)}' its place in ROOMS"
    names = [name.split(".") for name in imported_modules(file.read_text(), "orienteer.comparison")]
    for imported in {name[2] for name in names if name[:2] == ["orienteer", "comparison"]}:
        assert imported == room_of(file) or LEVEL[imported] < LEVEL[room_of(file)], f"imports {imported}"
