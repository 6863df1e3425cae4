"""RunConfig: complete settings, written to config.yaml and read again, also those of earlier versions."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from orienteer.errors import InputError
from orienteer.methods import METHODS, TaskUse, listed_tasks, resolve_method, task_config
from orienteer.runs.config import PretrainConfig
from orienteer.runs.folder import write_config
from orienteer.runs.network import build_network
from orienteer.runs.run_config import CHOSEN, MAY_CHANGE, RunConfig, make_run_config, read_config
from orienteer.views.distort import Distortion
from tests.helpers.run_settings import PLAIN, run_config


def test_config_yaml_holds_the_settings(tmp_path: Path) -> None:
    config = run_config(layout="pairs", teacher=True, validate_every=7)
    write_config(tmp_path, config.to_dict())
    assert read_config(tmp_path) == config


def test_settings_keep_their_names_and_their_order() -> None:
    names = [item.name for item in fields(PretrainConfig)]
    assert [item.name for item in fields(RunConfig)] == names
    assert set(names) >= MAY_CHANGE | set(CHOSEN)


def test_a_config_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Version 0.1 had no layouts, no choice of a teacher by the method, and validated at the end by default."""
    plain = run_config(steps=50).to_dict()
    older = {
        name: value
        for name, value in plain.items()
        if name not in ("layout", "distortion", "probe", "pair_shift", "warp")
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**older, "validate_every": None, "teacher": False}))
    config = read_config(tmp_path)
    assert (config.layout, config.teacher, config.validate_every) == ("free", False, 50)
    assert config.warp == 0
    assert config.view_distortion == Distortion()


@pytest.mark.parametrize("name", ["spacing_mm", "view_size", "unit_mm", "views"])
def test_a_config_that_leaves_something_open_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"got none for {name}"):
        make_run_config({**PLAIN, name: None})


def test_the_store_lies_next_to_the_run_unless_it_is_named(tmp_path: Path) -> None:
    assert run_config().store_folder(tmp_path / "runs" / "a") == str(tmp_path / "runs" / "store")
    assert run_config(store="elsewhere").store_folder(tmp_path) == "elsewhere"


@pytest.mark.parametrize("method", ["default", "spatial", "dense-gap"])
def test_a_run_that_does_not_list_its_tasks_has_those_of_its_time(method: str) -> None:
    """Without scales, with the published form of similarity; the user's changes on top of them."""
    config = run_config(method=method, tasks={"gap": {"channels": 8}})
    tasks = config.run_method.tasks
    assert tasks["gap"].options["channels"] == 8
    assert not any(task_config(name, use).scale for name, use in tasks.items() if name in ("gap", "route", "dense_gap"))
    assert all(task_config(name, use).form == "sign" for name, use in tasks.items() if name == "similarity")


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_lists_its_tasks_keeps_them(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = listed_tasks(resolve_method(method))
    config = run_config(method=method, tasks=listed, only_tasks=True)
    before = build_network(config).state_dict().keys()
    other = {"jigsaw": TaskUse(), "gap": TaskUse(options={"channels": 3})}
    monkeypatch.setitem(METHODS, method, replace(METHODS[method], tasks=other))
    again = make_run_config(yaml.safe_load(yaml.safe_dump(config.to_dict())))
    assert build_network(again).state_dict().keys() == before
    assert listed_tasks(again.run_method) == listed
