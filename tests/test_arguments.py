"""The command line says the same as the Python functions."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import orienteer
from orienteer.arguments import kinds_of, parse
from orienteer.cli import COMMANDS, main
from orienteer.comparison.config import make_config as make_compare_config
from orienteer.help_text import hyphens
from orienteer.runs.config import PretrainConfig, make_config


def given(*words: str) -> dict:
    return parse("orienteer", "about", COMMANDS, ["pretrain", *words])[1]


def test_only_what_differs_from_the_defaults_is_passed_on() -> None:
    assert given("SCANS", "--out", "run") == {"scans": "SCANS", "out": "run"}


def test_words_of_every_form_reach_the_config() -> None:
    settings = given(
        "SCANS", "--out", "run", "--view-size", "32", "48", "32", "--grad-checkpointing", "--spacing_mm=2,2,2.5",
        "--include", "a*", "--include", "b/*", "--tasks", '{"route": {"edges": "position"}}',
        "--augmentation.noise-range", "0.0,0.2", "--weight-averaging", "0.99", "--unit-mm", "50",
    )  # fmt: skip
    config = make_config(settings)
    assert config.scans == "SCANS"
    assert config.view_size == (32, 48, 32)
    assert config.spacing_mm == (2.0, 2.0, 2.5)
    assert config.include == ("a*", "b/*")
    assert config.grad_checkpointing is True
    assert config.tasks == {"route": {"edges": "position"}}
    assert config.augmentation.noise_range == (0.0, 0.2)
    assert (config.weight_averaging, config.unit_mm) == (0.99, 50.0)


LISTS = [
    ("pretrain", "view_size", ["8", "16", "24"]),
    ("pretrain", "spacing_mm", ["0.5", "1", "2"]),
    ("pretrain", "ct_window_hu", ["-100", "300"]),
    ("pretrain", "include", ["a*", "b/*"]),
    ("finetune", "patch_size", ["8", "16", "24"]),
    ("compare", "downstream", ["finetune", "probe"]),
    ("compare", "methods", ["1", "default"]),
    ("compare", "fractions", ["0.5", "1"]),
    ("compare", "against", ["scratch", "default"]),
    ("ablate", "questions", ["tasks", "views"]),
]


@pytest.mark.parametrize(("command", "name", "items"), LISTS)
def test_every_kind_of_list_is_taken_in_every_form_of_the_shell(command: str, name: str, items: list[str]) -> None:
    option, joined = f"--{name}", ",".join(items)
    bracketed = json.dumps([int(item) if item.isdigit() else float(item) if "0." in item else item for item in items])
    for words in ([option, joined], [f"{option.replace('_', '-')}={joined}"], [option, bracketed]):
        values = parse("orienteer", "about", COMMANDS, [command, *words])[1]
        assert [str(item).removesuffix(".0") for item in values[name]] == items


def test_compare_takes_its_measurements_from_the_command_line() -> None:
    words = [
        "compare",
        "DATA",
        "--out",
        "o",
        "--downstream",
        "finetune,probe",
        "--methods",
        "1,default",
        "--seeds",
        "0,1",
    ]
    settings = parse("orienteer", "about", COMMANDS, words)[1]
    config = make_compare_config(settings)
    assert (config.downstream, config.methods, config.seeds) == (("finetune", "probe"), ("1", "default"), (0, 1))


def test_a_glob_may_begin_with_a_bracket_and_words_among_numbers_are_refused(capsys: pytest.CaptureFixture) -> None:
    assert given("SCANS", "--include", "[ab]*.nii")["include"] == ("[ab]*.nii",)
    with pytest.raises(SystemExit, match="2"):
        given("SCANS", "--spacing-mm", "1,x,1")
    assert "--spacing-mm: wanted 3 numbers, got" in capsys.readouterr().err


def test_a_yaml_file_gives_every_argument_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({"scans": "SCANS", "steps": 7, "batch": 8, "view_size": [16, 16, 16]}))
    settings = given("--config", str(file), "--batch", "2", "--out", "run")
    config = make_config(settings)
    assert (config.scans, config.steps, config.batch, config.view_size) == ("SCANS", 7, 2, (16, 16, 16))


def test_a_word_that_yaml_reads_as_a_number_is_taken_as_the_word(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """``precision: 32`` as people write it, not ``precision: "32"``."""
    file = tmp_path / "run.yaml"
    file.write_text("precision: 16\nsteps: 32\n")
    settings = given("--config", str(file), "--scans", "SCANS", "--out", "run")
    assert (settings["precision"], settings["steps"]) == ("16", 32)
    finetuned = parse("orienteer", "about", COMMANDS, ["finetune", "RUN", "--config", _yaml(tmp_path, precision=32)])[1]
    assert finetuned["precision"] == "32"
    with pytest.raises(SystemExit, match="2"):
        given("--config", _yaml(tmp_path, precision=64))
    assert "precision" in capsys.readouterr().err


def _yaml(folder: Path, **settings: object) -> str:
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    return str(file)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--setps", "4"], "--setps"),
        (["--steps", "many"], "steps"),
        (["--precision", "64"], "precision"),
    ],
)
def test_wrong_words_end_with_code_2(words: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        given("SCANS", *words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_an_unknown_key_in_the_yaml_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("stepps: 7\n")
    with pytest.raises(SystemExit, match="2"):
        given("--config", str(file))
    assert "stepps" in capsys.readouterr().err


def test_print_config_shows_every_setting(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        given("SCANS", "--print_config")
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["scans"] == "SCANS"
    assert set(PretrainConfig().to_dict()) <= set(shown)


def shown(*words: str, capsys: pytest.CaptureFixture) -> str:
    with pytest.raises(SystemExit, match="0"):
        parse("orienteer", "about", COMMANDS, words)
    return capsys.readouterr().out


def stopped(*words: str, capsys: pytest.CaptureFixture) -> str:
    with pytest.raises(SystemExit, match="2"):
        parse("orienteer", "about", COMMANDS, words)
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_full_help_explains_every_setting(capsys: pytest.CaptureFixture) -> None:
    text = shown("pretrain", "--help", "all", capsys=capsys)
    for name in PretrainConfig().to_dict():
        assert f"--{hyphens(name)}" in text or name in ("scans", "augmentation"), name
    assert "Optimiser steps. (default: 2000)" in text
    assert "--augmentation.noise-probability X" in text


def test_help_explains_what_people_use_with_an_example_and_fits_a_screen(capsys: pytest.CaptureFixture) -> None:
    text = shown("pretrain", "-h", capsys=capsys)
    assert "  orienteer pretrain CT --out runs/ct" in text
    assert "--help all explains all" in text
    assert text.count("\n  --") == len(COMMANDS["pretrain"].common) == 11
    assert text.count("\n") < 45


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_people_use_exists_and_every_example_is_understood(name: str) -> None:
    command = COMMANDS[name]
    assert set(command.common) <= set(kinds_of(command))
    assert parse("orienteer", "about", COMMANDS, command.example.split()[1:])[0] is command


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture) -> None:
    text = shown(capsys=capsys)
    assert text == shown("--help", capsys=capsys)
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pretrian", "x"], "there is no command pretrian. Did you mean pretrain?"),
        (["zzz"], "there is no command zzz. orienteer --help lists the commands."),
        (["pretrain", "x", "--stpes", "5"], "there is no option --stpes. Did you mean --steps?"),
        (["pretrain", "x", "--view_siz", "5"], "there is no option --view-siz. Did you mean --view-size?"),
        (["pretrain", "x", "--steps", "five"], "--steps: wanted a whole number, got five."),
        (["pretrain", "x", "--steps"], "--steps: wanted a whole number, got none."),
        (["pretrain", "x", "--view-size", "32", "32"], "--view-size: wanted 3 whole numbers, got [32, 32]."),
        (["pretrain", "x", "--precision", "64"], "--precision: wanted one of 32, bf16, 16, got 64."),
        (["pretrain", "x", "--return", "5"], "there is no option --return."),
        (["pretrain", "my", "scans"], "wanted one SCANS, and options, got scans too. Put names with spaces in quotes."),
        (["pretrain", "--config", "none.yaml"], "--config: wanted a YAML file with options, got '"),
        (["explore", "--scan", "x"], "RUN is missing."),
        (["demo", "x"], "wanted options only, got x too."),
    ],
)
def test_a_slip_is_one_line_with_what_was_meant(words: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    assert message in stopped(*words, capsys=capsys)


def test_output_that_nobody_reads_to_its_end_is_no_error() -> None:
    """As in `orienteer --help | head`, where the reader has gone before the output comes."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        command = [sys.executable, "-m", "orienteer", "--help"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


def test_main_says_bad_input_on_stderr_and_returns_2(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["pretrain", str(tmp_path / "empty"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("orienteer: ")
    assert "Do this:" in error
    assert not (tmp_path / "run").exists()


def test_a_full_disk_and_other_faults_of_the_system_are_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail_with(number: int):
        def plan(**settings: object) -> None:
            raise OSError(number, "said by the system", "folder/file")

        return plan

    monkeypatch.setattr("orienteer.pretraining.plan.plan", fail_with(errno.ENOSPC))
    assert main(["plan", "scans"]) == 1
    assert "the disk is full (folder/file). Do this: free some space" in capsys.readouterr().err
    monkeypatch.setattr("orienteer.pretraining.plan.plan", fail_with(errno.EIO))
    assert main(["plan", "scans"]) == 1
    assert "the system says: input/output error (folder/file). Do this: check" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_public_function_of_the_same_name(name: str, capsys: pytest.CaptureFixture) -> None:
    public = getattr(orienteer, name)
    assert public is COMMANDS[name].load() or (isinstance(public, ModuleType) and callable(public))
    assert COMMANDS[name].about
    with pytest.raises(SystemExit, match="0"):
        parse("orienteer", "about", COMMANDS, [name, "--help", "all"])
    assert "--config" in capsys.readouterr().out


def test_the_demo_has_its_own_defaults_for_shared_settings() -> None:
    assert parse("orienteer", "about", COMMANDS, ["demo"])[1] == {}
    assert parse("orienteer", "about", COMMANDS, ["demo", "--steps", "500"])[1] == {
        "steps": 500
    }  # given, though it is one
    assert parse("orienteer", "about", COMMANDS, ["demo", "--steps", "2000"])[1] == {"steps": 2000}
    assert parse("orienteer", "about", COMMANDS, ["demo", "--learning-rate", "0.001"])[1] == {"learning_rate": 0.001}


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("orienteer", "about", COMMANDS, ["pretrian"])
    assert "pretrain" in capsys.readouterr().err


def test_the_list_of_commands_loads_no_torch() -> None:
    code = (
        "import sys; from orienteer.cli import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
