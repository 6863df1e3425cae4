"""The picture of gap error against Dice shows every point; a collection that is not there is not measured."""

from pathlib import Path

import pytest

from benchmarks.space_pareto import POINTS, draw, measure
from orienteer.methods import resolve_method

CHOSEN = {"data": "abdomen_ct", "seed": 1, "steps": 1, "labels": 2, "finetune_steps": 1, "points": "default"}


@pytest.mark.parametrize("name", POINTS)
def test_every_point_is_a_method_that_trains(name: str) -> None:
    settings = POINTS[name]
    method = resolve_method("default", settings.get("tasks"), only=settings.get("only_tasks", False))
    assert any(use.pull > 0 for use in method.tasks.values())


def test_points_differ_in_the_picture() -> None:
    row = {"name": "a", "gap_over_trivial": 0.3, "probe": 0.2, "finetuned": 0.1}
    one, other = draw([row]), draw([row, {**row, "name": "b", "gap_over_trivial": 0.5}])
    assert one[:4] == other[:4] == b"\x89PNG"
    assert one != other


def test_a_collection_that_is_not_there_is_not_measured(tmp_path: Path) -> None:
    assert measure({**CHOSEN, "folder": tmp_path}, None) is None
