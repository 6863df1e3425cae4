import pytest

from orienteer.encoders import ENCODERS
from orienteer.errors import InputError
from orienteer.methods import METHODS, resolve_method, task_config
from orienteer.tasks import REMOVED_TASKS, TASKS


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_real_tasks_options_and_encoders(name: str) -> None:
    method = METHODS[name]
    assert method.encoder in ENCODERS
    assert method.views >= 2
    for task, use in method.tasks.items():
        assert isinstance(task_config(task, use), TASKS[task].Config)


def test_a_weight_of_zero_removes_a_task_and_a_new_one_is_added() -> None:
    method = resolve_method("spatial", {"gap": {"weight": 0}, "route": {"weight": 2}})
    assert "gap" not in method.tasks
    assert method.tasks["route"].weight == 2
    assert METHODS["spatial"].tasks["route"].weight == 1


def test_no_task_left_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one task"):
        resolve_method("default", {task: {"weight": 0} for task in TASKS})


def test_one_task_must_teach() -> None:
    with pytest.raises(InputError, match="a weight and a pull above 0"):
        resolve_method("default", {task: {"pull": 0} for task in METHODS["default"].tasks})
    with pytest.raises(InputError, match=r"tasks.gap.pull: wanted 0 to 1, got 1.5"):
        resolve_method("default", {"gap": {"pull": 1.5}})
    assert resolve_method("spatial", {"gap": {"pull": 0.25}}).tasks["gap"].pull == 0.25


def test_unknown_names_are_errors() -> None:
    with pytest.raises(InputError, match="method: wanted one of"):
        resolve_method("paperr")
    with pytest.raises(InputError, match="tasks: wanted one of .*got 'gapp'"):
        resolve_method("default", {"gapp": {}})


@pytest.mark.parametrize("task", REMOVED_TASKS)
def test_a_task_of_earlier_versions_is_refused_with_what_to_do_instead(task: str) -> None:
    assert task not in TASKS
    with pytest.raises(InputError, match=f"tasks: wanted one of .*got '{task}'.*leave it out"):
        resolve_method("default", {task: {}})


def test_paper_has_the_authors_form() -> None:
    paper = METHODS["paper"]
    assert paper.teacher
    assert paper.views == 3
    assert paper.tasks["route"].options["edges"] == "position"
    assert METHODS["default"].tasks["route"].options["edges"] == "pair"


def test_the_default_keeps_space_and_single_places() -> None:
    """The observable tasks have their full gradient and error bars; views are masked in part, so that some are whole."""
    default = METHODS["default"]
    assert {"gap", "dense_gap", "similarity", "route", "reconstruction", "place_contrast"} == set(default.tasks)
    assert all(use.pull == 1 for use in default.tasks.values())
    assert all(default.tasks[name].options["scale"] for name in ("gap", "dense_gap", "route"))
    assert default.tasks["similarity"].options["form"] == "graded"
    assert 0 < default.distortion.mask_views < 1
