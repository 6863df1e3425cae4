"""Continuing a run on other scans: what is carried over, what begins anew, what is printed, and that the run stays as it is."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.labelled.overlap_contents import pretraining_contents
from orienteer.pretraining.continuing import with_continued
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.card import read_card
from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.folder import read_settings
from orienteer.runs.handover import handover_settings, read_handover
from orienteer.runs.run import Run
from orienteer.runs.split import read_split_contents, seen_by
from orienteer.runs.weights import load_encoder
from tests.helpers.fake_hub import FakeHub
from tests.helpers.small_run import SMALL

PLAIN: dict[str, Any] = {**SMALL, "pictures": False}
HARDWARE = {name: PLAIN[name] for name in ("workers", "prepare_workers", "accelerator")}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three scans that no run has seen."""
    from orienteer.phantoms.torso import write_phantoms

    folder = tmp_path_factory.mktemp("others") / "scans"
    write_phantoms(folder, count=3, seed=50, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    return folder


@pytest.fixture(scope="module")
def before(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a teacher and averaged weights."""
    settings = {**PLAIN, "teacher": True, "weight_averaging": 0.5, "steps": 4}
    return pretrain(torsos, tmp_path_factory.mktemp("before") / "ct", store=str(store), **settings).folder


def go_on(before: Path, scans: Path, out: Path, **settings: Any) -> Run:
    return pretrain(scans, out, continue_from=str(before), store=str(out.parent / "store"), **{**HARDWARE, **settings})


def files_of(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def state_of(folder: Path) -> dict[str, Any]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")


def test_a_run_goes_on_on_other_scans_and_says_what_changed(
    before: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    untouched = files_of(before)
    run = go_on(before, others, tmp_path / "next", steps=3)
    assert files_of(before) == untouched
    said = capsys.readouterr().err
    for words in (
        "continues ct after 4 steps: encoder, tasks gap, ",
        "teacher, averaged weights, the optimiser's state of ",
        "schedule: a new one of 3 steps",
        "scans: 3, 0 of them known to ct",
        "steps: 4 -> 3",
    ):
        assert words in said, words
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    old = yaml.safe_load((before / "config.yaml").read_text())
    same = ("encoder", "encoder_arguments", "spacing_mm", "ct_window_hu", "unit_mm", "view_size", "tasks", "teacher")
    assert {name: config[name] for name in same} == {name: old[name] for name in same}
    assert config["continue_from"] == str(before)


def test_it_begins_with_weights_teacher_averages_and_optimiser(before: Path, others: Path, tmp_path: Path) -> None:
    """At a learning rate of nearly nothing, what it ends with is what it began with."""
    run = go_on(before, others, tmp_path / "next", steps=1, learning_rate=1e-12)
    old, new = state_of(before), state_of(run.folder)
    fitted = ("mean_distance_mm", "histogram_weights_mm", "baseline")
    for name, tensor in old["state_dict"].items():
        if tensor.is_floating_point() and not any(part in name for part in fitted):
            if name.startswith("teacher.module."):  # it moved a hundredth towards the encoder
                tensor = (
                    0.99 * tensor + 0.01 * old["state_dict"][f"network.encoder.{name.removeprefix('teacher.module.')}"]
                )
            if name.startswith("averaged.module."):
                tensor = 0.5 * (tensor + old["state_dict"][f"network.{name.removeprefix('averaged.module.')}"])
            torch.testing.assert_close(new["state_dict"][name], tensor, msg=name, rtol=1e-4, atol=1e-6)
    was, now = (content["optimizer_states"][0]["state"] for content in (old, new))
    assert {int(state["step"]) for state in was.values()} == {4}
    assert {int(state["step"]) for state in now.values()} == {5}


def test_what_looks_on_at_a_run_and_its_place_are_not_taken_over(before: Path, tmp_path: Path) -> None:
    """A tracker that the user named for one run gets no other."""
    config = (before / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(
        config.replace("logger: []", "logger: [mlflow]").replace("watch: false", "watch: true")
    )
    assert {"logger", "watch"} <= yaml.safe_load((tmp_path / "config.yaml").read_text()).keys()
    settings = handover_settings(tmp_path)
    assert settings["method"] == read_settings(before)["method"]
    assert not settings.keys() & {"logger", "watch", "scans", "out", "store"}


def test_the_baselines_are_those_of_the_new_scans(before: Path, others: Path, tmp_path: Path) -> None:
    run = go_on(before, others, tmp_path / "next", steps=1)
    name = "tasks.gap.mean_distance_mm"
    old, new = state_of(before)["state_dict"], state_of(run.folder)["state_dict"]
    assert new[f"network.{name}"] != old[f"network.{name}"]
    torch.testing.assert_close(new[f"averaged.module.{name}"], new[f"network.{name}"])


def test_the_optimiser_begins_anew_where_it_is_asked_to(
    before: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = go_on(before, others, tmp_path / "next", steps=1, continue_optimiser=False)
    states = state_of(run.folder)["optimizer_states"][0]["state"]
    assert {int(state["step"]) for state in states.values()} == {1}
    assert "anew: the optimiser" in capsys.readouterr().err


def rates(run: Run) -> list[float]:
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    return [line["learning_rate"] for line in lines if line["part"] == "train"]


def test_the_schedule_is_new_or_that_of_one_longer_run(
    before: Path, others: Path, torsos: Path, tmp_path: Path
) -> None:
    common = {"steps": 4, "log_every": 1, "learning_rate": 1e-3}
    new = go_on(before, others, tmp_path / "new", **common)
    longer = go_on(before, others, tmp_path / "longer", continue_schedule="longer", **common)
    whole = pretrain(torsos, tmp_path / "whole", **{**PLAIN, **common, "steps": 8})
    assert rates(longer) == rates(whole)[4:] != rates(new)
    assert rates(new)[0] == pytest.approx(1e-3, rel=0.2)
    pretrain(out=longer.folder, resume=True)


def test_another_method_keeps_the_tasks_that_are_the_same(
    before: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = {"route": {"weight": 0}, "gap": {"weight": 3.0}, "reconstruction": {"weight": 0.5, "level": 1}}
    run = go_on(before, others, tmp_path / "next", steps=1, tasks=tasks)
    said = capsys.readouterr().err
    assert "encoder, tasks gap, similarity" in said
    assert "anew: task reconstruction (the run did not have it)" in said
    assert "left behind: task route" in said
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["tasks"]["gap"]["weight"] == 3.0
    assert set(config["tasks"]) == {"gap", "similarity", "reconstruction"}


def test_heads_of_other_layers_begin_anew(
    before: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_on(before, others, tmp_path / "next", steps=1, tasks={"similarity": {"width": 8}})
    assert "anew: task similarity (other layers: " in capsys.readouterr().err


def test_scans_that_were_trained_on_are_not_held_out(before: Path, torsos: Path, others: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(torsos, mixed)
    for path in others.glob("*.nii.gz"):
        shutil.copy(path, mixed / f"new_{path.name}")
    run = go_on(before, mixed, tmp_path / "next", steps=1, seed=3, validation_fraction=0.4)
    rows = json.loads((run.folder / "split.json").read_text())
    trained = {scan.content for scan in seen_by(before) if scan.trained}
    assert trained
    assert not {row["content"] for row in rows["validation"]} & trained
    assert {row["content"] for row in rows["earlier"]} == set(read_split_contents(before).values())


def test_where_there_are_no_others_it_says_so(
    before: Path, torsos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = json.loads((before / "split.json").read_text())
    scans = tmp_path / "scans"
    scans.mkdir()
    for row in split["training"][:3]:
        shutil.copy(torsos / row["name"], scans)
    run = go_on(before, scans, tmp_path / "next", steps=1)
    assert "WARNING: the weights were trained on 1 of the held-out scans before" in capsys.readouterr().err
    assert json.loads((run.folder / "scans.json").read_text())["heldout_seen_before"] == 1
    assert "1 heldout seen before" in (run.folder / "MODEL_CARD.md").read_text()


def test_all_scans_that_the_weights_saw_are_known_later(before: Path, others: Path, tmp_path: Path) -> None:
    run = go_on(before, others, tmp_path / "next", steps=1)
    seen = pretraining_contents(str(run.folder))
    assert seen is not None
    assert seen >= set(read_split_contents(before).values())
    assert len(seen) == 9
    third = go_on(run.folder, others, tmp_path / "third", steps=1)
    assert pretraining_contents(str(third.folder)) == seen
    origins = read_card(third.folder)["started_from"]
    assert [origin["steps"] for origin in origins] == [1, 4]
    assert origins[0]["data_fingerprint"] == read_card(run.folder)["data_fingerprint"]
    assert origins[1]["data_fingerprint"] == read_card(before)["data_fingerprint"]
    assert "before that a run of 4 steps of `spatial`" in (third.folder / "MODEL_CARD.md").read_text()


def test_a_start_from_weights_is_known_later_too(before: Path, others: Path, tmp_path: Path) -> None:
    run = pretrain(others, tmp_path / "next", weights=str(before), **{**PLAIN, "steps": 1})
    assert (pretraining_contents(str(run.folder)) or set()) >= set(read_split_contents(before).values())
    assert [origin["steps"] for origin in read_card(run.folder)["started_from"]] == [4]


def test_it_is_resumed_as_any_other(before: Path, others: Path, tmp_path: Path) -> None:
    whole = go_on(before, others, tmp_path / "whole", steps=4, validate_every=2)
    part = go_on(before, others, tmp_path / "part", steps=4, validate_every=2)
    shutil.rmtree(part.folder / "checkpoints")  # as if it had been killed before the first one was written
    for name in ("summary.json", "encoder.safetensors", "encoder.json"):
        (part.folder / name).unlink()
    (part.folder / "checkpoints").mkdir()
    pretrain(others, part.folder, continue_from=str(before), resume=True, steps=4)
    assert (part.folder / "encoder.safetensors").read_bytes() == (whole.folder / "encoder.safetensors").read_bytes()


def test_a_run_that_was_trained_further_is_not_taken_for_what_it_was(
    before: Path, others: Path, tmp_path: Path
) -> None:
    shutil.copytree(before, tmp_path / "ct")
    run = go_on(tmp_path / "ct", others, tmp_path / "next", steps=1)
    (run.folder / "checkpoints/last.ckpt").unlink()
    shutil.copy(run.folder / "checkpoints/best.ckpt", tmp_path / "ct/checkpoints/last.ckpt")
    with pytest.raises(InputError, match="wanted the checkpoint that this run began with, got another one"):
        pretrain(out=run.folder, resume=True)


def test_the_command_line_spells_it_continue(before: Path, others: Path, tmp_path: Path) -> None:
    words = ["pretrain", str(others), "--continue", str(before), "--out", str(tmp_path / "next"), "--steps", "2"]
    words += ["--workers", "0", "--prepare-workers", "0", "--store", str(tmp_path / "store")]
    assert main(words) == 0
    assert yaml.safe_load((tmp_path / "next/config.yaml").read_text())["continue_from"] == str(before)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"encoder": "dynunet"}, "encoder: wanted the encoder 'tiny' of ct with"),
        ({"encoder_arguments": {"filters": [4, 8]}}, "encoder: wanted the encoder 'tiny' of ct with"),
        ({"weights": "runs/x"}, "wanted one start, got --continue and --weights"),
    ],
)
def test_another_encoder_is_refused(given: dict[str, Any], words: str, before: Path) -> None:
    with pytest.raises(InputError, match=words):
        with_continued({"continue_from": str(before), **given})


def test_what_is_no_run_with_checkpoints_is_refused(before: Path, others: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wanted a run folder with config.yaml"):
        with_continued({"continue_from": str(tmp_path)})
    shutil.copytree(before, tmp_path / "ct")
    last = tmp_path / "ct/checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"last.ckpt: wanted a whole checkpoint, got a file that is cut short"):
        go_on(tmp_path / "ct", others, tmp_path / "next")
    last.unlink()
    with pytest.raises(InputError, match=r"continue: wanted a run with last.ckpt.*--weights"):
        go_on(tmp_path / "ct", others, tmp_path / "next")
    assert not (tmp_path / "next").exists()


def test_given_settings_are_kept_also_where_they_are_defaults(before: Path) -> None:
    from orienteer.arguments import parse
    from orienteer.cli import COMMANDS

    words = ["pretrain", "S", "--continue", str(before), "--steps", "2000", "--weight-averaging", "0.0"]
    _, given = parse("orienteer", "about", COMMANDS, words)
    settings = with_continued(given)
    assert (settings["steps"], settings["weight_averaging"], settings["batch"]) == (2000, 0.0, 2)


def test_a_run_that_was_pushed_whole_goes_on_to_the_same_weights(
    before: Path, others: Path, fake_hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed = push(str(before), to=str(tmp_path / "pushed"), license="mit", whole=True)
    assert pushed.folder is not None
    address = f"hf://user/ct@{fake_hub.put('user/ct', pushed.folder)}"
    whole = go_on(before, others, tmp_path / "whole", steps=2)
    for number, source in enumerate((str(pushed.folder), "hf://user/ct")):
        capsys.readouterr()
        run = pretrain(
            others, tmp_path / f"next{number}", continue_from=source, steps=2, store=str(tmp_path / "store"), **HARDWARE
        )
        weights = [(folder / "encoder.safetensors").read_bytes() for folder in (run.folder, whole.folder)]
        assert weights[0] == weights[1]
        assert "scans: 3, which of them it had seen is not known" in capsys.readouterr().err
        (origin,) = read_card(run.folder)["started_from"]
        assert (origin["steps"], origin["data_fingerprint"]) == (4, read_card(before)["data_fingerprint"])
    assert yaml.safe_load((run.folder / "config.yaml").read_text())["continue_from"] == address
    assert origin["address"] == address


def test_the_encoder_of_what_was_pushed_whole_is_fetched_without_the_rest(
    before: Path, fake_hub: FakeHub, tmp_path: Path
) -> None:
    push(str(before), to="user/ct", license="mit", whole=True)
    files = fake_hub.repositories["user/ct"][0]
    assert {"pretraining.json", "pretraining.safetensors"} <= set(files)
    for private in (str(before), "torso_0", "store"):
        assert private.encode() not in files["pretraining.json"]
    load_encoder("hf://user/ct")
    assert not any("pretraining." in request for request in fake_hub.requests if "/resolve/" in request)


def test_what_was_pushed_is_refused_where_it_is_not_whole(before: Path, tmp_path: Path) -> None:
    push(str(before), to=str(tmp_path / "alone"), license="mit")
    with pytest.raises(InputError, match=r"pretraining.json: wanted such a file, got an encoder alone.*--weights"):
        with_continued({"continue_from": str(tmp_path / "alone")})
    push(str(before), to=str(tmp_path / "whole"), license="mit", whole=True)
    settings = tmp_path / "whole/pretraining.json"
    settings.write_text(settings.read_text().replace('"step": 4', '"step": 9'))
    with pytest.raises(InputError, match=r"pretraining.json: .*cut short or was changed"):
        with_continued({"continue_from": str(tmp_path / "whole")})
    push(str(before), to=str(tmp_path / "cut"), license="mit", whole=True)
    state = tmp_path / "cut/pretraining.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"pretraining.safetensors: .*cut short or was changed"):
        read_handover(tmp_path / "cut")
