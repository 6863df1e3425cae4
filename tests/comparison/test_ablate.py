"""Ablations: which contenders take part, and that they differ in one thing; one whole ablation."""

import csv
import re

import pytest

from orienteer.comparison import ablate as ablating
from orienteer.comparison.ablate import (
    ablate,
    each_task,
    other_choices,
    other_teacher,
    other_view_sizes,
    other_views,
)
from orienteer.methods import METHODS, Method, TaskUse, resolve_method
from orienteer.runs.config import PretrainConfig
from orienteer.runs.run_config import make_run_config

THREE = Method(
    "three granularities", {"gap": TaskUse(), "similarity": TaskUse(), "route": TaskUse(options={"edges": "pair"})}
)
PLAN = make_run_config(
    {
        **{"method": "paper", "encoder": "tiny", "view_size": [32, 32, 32], "views": 4},
        **{"spacing_mm": [5.0, 5.0, 5.0], "unit_mm": 100.0},
    }
)


def test_each_task_alone_and_each_pair():
    found = each_task(THREE, PLAN)
    kept = [
        set(THREE.tasks) - {name for name, change in more["tasks"].items() if change == {"weight": 0}}
        for more in found.values()
    ]
    assert sorted(map(sorted, kept)) == [
        ["gap"], ["gap", "route"], ["gap", "similarity"], ["route"], ["route", "similarity"], ["similarity"],
    ]  # fmt: skip
    for name, tasks in zip(found, kept, strict=True):
        assert set(re.findall("gap|route|similarity", name)) == tasks
        assert set(resolve_method("paper", found[name]["tasks"]).tasks) == tasks


def test_a_change_of_the_users_is_kept_beside_the_one_that_is_tried():
    plan = PretrainConfig(tasks={"gap": {"weight": 3.0}})
    assert each_task(THREE, plan)["only gap"]["tasks"] == {
        "gap": {"weight": 3.0}, "similarity": {"weight": 0}, "route": {"weight": 0},
    }  # fmt: skip
    choices = other_choices(THREE, plan)["route edges position"]["tasks"]
    assert choices == {"gap": {"weight": 3.0}, "route": {"edges": "position"}}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_choice_of_every_method_can_be_made(name):
    for changes in other_choices(resolve_method(name), PretrainConfig(method=name)).values():
        assert resolve_method(name, changes["tasks"]) != resolve_method(name)


def test_teacher_views_and_sizes_differ_from_what_is_there():
    assert other_teacher(THREE, PretrainConfig(teacher=True)) == {"without a teacher": {"teacher": False}}
    assert [more["views"] for more in other_views(THREE, PLAN).values()] == [2, 3, 5, 6]
    sizes = [more["view_size"] for more in other_view_sizes(THREE, PLAN).values()]
    assert [32, 32, 32] not in sizes
    assert [48, 48, 48] in sizes


def test_an_ablation_asks_compare_for_the_method_its_changes_and_both_differences(compared, tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(ablating, "compare", lambda data, out, **settings: asked.update(settings) or compared.result)
    rest = {key: value for key, value in compared.settings.items() if key not in ("methods", "define")}
    ablate(compared.data, tmp_path / "out", method="paper", questions=("tasks", "teacher"), **rest)
    assert asked["methods"] == ["scratch", "paper"]
    assert asked["against"] == ["scratch", "paper"]
    assert len(asked["define"]) == 6 + 1
    assert all(more["method"] == "paper" for more in asked["define"].values())
    assert asked["define"]["without a teacher"]["teacher"] is False


def test_a_whole_ablation_shares_what_compare_has_and_shows_differences_to_the_method(compared, tmp_path):
    rest = {key: value for key, value in compared.settings.items() if key not in ("methods", "define")}
    rest |= {"downstream": ["sides"]}
    made = ablate(compared.data, tmp_path / "out", method="paper", questions=("teacher",), **rest)
    assert made.failed == {}
    with (made.folder / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {(line["method"], line["against"]) for line in lines} >= {
        ("without a teacher", "paper"),
        ("paper", "scratch"),
    }
    assert "without a teacher" in made.page.read_text()
