"""The run folder: refused where it holds something, kept clean after bad input, settings compared on resume."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.folder import CONFIG_FILE, _agrees, check_unchanged, opened, read_settings, write_config
from tests.helpers.run_settings import run_config


def begin_with_bad_input(folder: Path, result: str | None = None) -> None:
    """Opens a new folder, writes a result if one is named, and stops with bad input."""
    with opened(folder, resume=False):
        assert folder.is_dir()
        if result is not None:
            (folder / result).touch()
        raise InputError("steps", wanted="1", got="0", do="use 1")


def test_a_folder_that_was_not_used_is_removed_after_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="steps"):
        begin_with_bad_input(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_results_is_kept_after_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="steps"):
        begin_with_bad_input(tmp_path / "run", result="split.json")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["split.json"]


def test_what_a_killed_run_left_before_it_had_a_config_is_no_obstacle(tmp_path: Path) -> None:
    for name in ("split.json", "scans.json", "failures.csv", ".ready", ".config.yaml.7-7-0.part"):
        (tmp_path / name).touch()
    with opened(tmp_path, resume=False):
        assert not (tmp_path / ".ready").exists()


def test_other_files_are_an_obstacle(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="which holds other files"), opened(tmp_path, resume=False):
        pass


def test_config_yaml_says_how_to_run_it_again(tmp_path: Path) -> None:
    write_config(tmp_path, {"steps": 3, "view_size": [16, 16, 16]}, command="finetune")
    assert (tmp_path / CONFIG_FILE).read_text().startswith("# Run this again: orienteer finetune --config config.yaml")
    assert read_settings(tmp_path) == {"steps": 3, "view_size": [16, 16, 16]}


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "\x00"])
def test_a_damaged_config_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml: wanted .*Do this: restore it"):
        read_settings(tmp_path)


def test_settings_of_a_resumed_run() -> None:
    before = run_config(steps=50)
    check_unchanged(before, run_config(steps=50, workers=3), {"steps", "workers"}, {"workers"})
    check_unchanged(before, run_config(steps=99), {"workers"}, set())  # 99 was not given, it is a default
    with pytest.raises(InputError, match="steps: wanted 50, the value that the run started with, got 99"):
        check_unchanged(before, run_config(steps=99), {"steps"}, {"workers"})


def test_config_yaml_can_be_run_again_whether_or_not_this_call_resumed(tmp_path: Path) -> None:
    write_config(tmp_path, {"steps": 3, "resume": True})
    assert read_settings(tmp_path)["resume"] is False


def test_what_was_left_open_agrees_with_what_was_chosen() -> None:
    before = run_config(encoder_arguments={"filters": [4, 8, 8], "stem_stride": 1})
    given = {"encoder", "encoder_arguments", "accelerator"}
    check_unchanged(before, run_config(encoder="auto", encoder_arguments={"filters": [4, 8, 8]}), given, set())
    with pytest.raises(InputError, match="encoder_arguments: wanted"):
        check_unchanged(before, run_config(encoder_arguments={"filters": [4, 8, 16]}), given, set())


@pytest.mark.parametrize(
    ("given", "begun", "agrees"),
    [
        (None, 3, True),
        ("auto", "tiny", True),
        ("tiny", "vit", False),
        ((1, 2, 3), (1.0, 2.0, 3.0), True),
        ([1, 2], (1, 2), True),
        ({"filters": (4, 8)}, {"stem_stride": 1, "filters": [4, 8]}, True),
        ({"filters": [4, 9]}, {"stem_stride": 1, "filters": [4, 8]}, False),
        ({"depth": 3}, {"filters": [4, 8]}, False),
        ({}, {"filters": [4, 8]}, True),
    ],
)
def test_a_setting_given_once_more_agrees_with_what_was_left_open(given: object, begun: object, agrees: bool) -> None:
    assert _agrees(given, begun) is agrees
