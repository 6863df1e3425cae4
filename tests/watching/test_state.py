"""What a run is doing, at every moment of its life, and what is refused."""

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.locks import process_words
from orienteer.runs.metrics_log import append_line
from orienteer.runs.run import Run
from orienteer.watching.state import WatchedRun, check_watchable
from tests.watching.conftest import GrowingRun


def test_a_run_is_followed_from_before_its_folder_to_its_end(growing: GrowingRun) -> None:
    watched = WatchedRun(growing.folder)
    answer = watched.answer()
    assert (answer["doing"], answer["steps"], answer["age_s"]) == ("waiting", None, None)
    assert (answer["validations"], answer["metrics"], answer["about"]) == ([], [], {})
    growing.folder.mkdir()
    assert watched.answer()["doing"] == "waiting"
    growing.held_by(process_words(os.getpid()))
    assert watched.answer()["doing"] == "preparing"
    growing.at_step(3)
    answer = watched.answer()
    assert (answer["doing"], answer["step"], answer["steps"]) == ("training", 3, 6)
    assert answer["validations"] == [3]
    assert answer["age_s"] < 60
    growing.at_step(6)
    answer = watched.answer()
    assert (answer["doing"], answer["validations"]) == ("ending", [3, 6])
    growing.end()
    answer = watched.answer()
    assert (answer["doing"], answer["words"]) == ("finished", "Finished after step 6 of 6.")


def test_a_run_that_was_killed_says_how_to_resume_it(growing: GrowingRun) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    growing.at_step(3)
    growing.held_by(process_words(dead.pid))
    status = WatchedRun(growing.folder)
    status.answer()
    assert status.status().doing == "stopped"
    assert "Stopped at step 3 of 6" in status.status().words
    assert "orienteer pretrain --resume --out run" in status.status().words


def test_a_fine_tuning_shows_its_loss_and_how_to_resume_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("task: segmentation\nsteps: 9\n")
    append_line(tmp_path / "metrics.jsonl", 4, "train", {"loss": 0.5, "learning_rate": 0.1})
    answer = WatchedRun(tmp_path).answer()
    assert answer["loss"]["train"] == {"steps": [4.0], "values": [0.5]}
    assert answer["words"].endswith(f"Resume with: orienteer finetune --resume --out {tmp_path.name}")


def test_of_a_run_on_another_machine_nothing_is_claimed(growing: GrowingRun) -> None:
    growing.at_step(3)
    growing.held_by("process 1 on another-host")
    assert WatchedRun(growing.folder).answer()["doing"] == "unknown"


def test_only_what_is_new_is_sent(growing: GrowingRun) -> None:
    growing.at_step(3)
    watched = WatchedRun(growing.folder)
    first = watched.answer()
    again = watched.answer(first["version"])
    assert "loss" in first
    assert "loss" not in again
    assert again["step"] == 3
    growing.at_step(6)
    newer = watched.answer(first["version"])
    assert newer["version"] > first["version"]
    assert len(newer["loss"]["heldout"]["steps"]) == 2
    assert "loss" in watched.answer()  # another reader, who has nothing yet
    assert "loss" in watched.answer(newer["version"] + 5)  # of an earlier server


def test_metrics_stand_beside_their_baselines(growing: GrowingRun, finished: Run) -> None:
    growing.at_step(6)
    rows = {row["key"]: row for row in WatchedRun(growing.folder).answer()["metrics"]}
    heldout = finished.summary["heldout"]
    gap = rows["gap_error_mm"]
    assert gap["name"] == "gap error (mm)"
    assert gap["heldout"]["steps"] == [3, 6]
    assert gap["heldout"]["values"][-1] == pytest.approx(heldout["gap_error_mm"])
    assert gap["baselines"] == pytest.approx(
        {name: heldout[f"gap_error_mm_{name}"] for name in ("trivial", "histogram")}
    )
    near_far = rows["near_far_accuracy"]
    assert near_far["heldout"]["values"][-1] == pytest.approx(100 * heldout["near_far_accuracy"])
    assert near_far["baselines"]["trivial"] == pytest.approx(100 * heldout["near_far_accuracy_trivial"])
    counts = [len(row["baselines"]) for row in rows.values()]
    assert counts == sorted(counts, reverse=True)


def test_a_run_that_is_cut_back_to_be_resumed_begins_anew(growing: GrowingRun) -> None:
    growing.at_step(6)
    watched = WatchedRun(growing.folder)
    before = watched.answer()
    file = growing.folder / "metrics.jsonl"
    kept = [line for line in file.read_text().splitlines(keepends=True) if json.loads(line)["step"] <= 3]
    (growing.folder / "new").write_text("".join(kept))
    os.replace(growing.folder / "new", file)
    after = watched.answer(before["version"])
    assert (after["step"], after["validations"]) == (3, [3])  # the file of step 6 is still there, and does not count
    assert after["loss"]["heldout"]["steps"] == [3]


def test_values_that_json_lacks_become_none(growing: GrowingRun) -> None:
    growing.at_step(3)
    append_line(growing.folder / "metrics.jsonl", 4, "train", {"loss": math.nan})
    assert WatchedRun(growing.folder).answer()["loss"]["train"]["values"][-1] is None


def test_a_validation_is_given_with_its_pictures(growing: GrowingRun) -> None:
    growing.at_step(6)
    watched = WatchedRun(growing.folder)
    watched.answer()
    validation = watched.validation(6)
    assert validation["step"] == 6
    assert validation["pictures"] == {"step": 6, "names": ["gap", "route", "similarity"]}
    assert watched.picture(6, 1).name == "step_000006_route.png"
    for path in (growing.folder / "pictures").glob("step_000006*"):
        path.unlink()
    assert watched.validation(6)["pictures"]["step"] == 3  # the newest that were drawn before


def test_what_is_not_there_or_damaged_is_named(growing: GrowingRun) -> None:
    growing.at_step(3)
    watched = WatchedRun(growing.folder)
    watched.answer()
    with pytest.raises(InputError, match="wanted a step with a validation, got step 5, at which there was none"):
        watched.validation(5)
    with pytest.raises(InputError, match="picture: wanted one of 3, got 3"):
        watched.picture(3, 3)
    with pytest.raises(InputError, match="picture: wanted one of 3, got -1"):
        watched.picture(3, -1)
    file = growing.folder / "validations" / "step_000003.json"
    file.write_text(file.read_text()[:100])
    with pytest.raises(
        InputError, match=r"step_000003\.json: wanted what a validation predicted, got none that can be read"
    ):
        watched.validation(3)


def test_reading_changes_nothing_and_many_readers_get_the_same(growing: GrowingRun) -> None:
    growing.at_step(6)
    before = {path: path.stat().st_mtime_ns for path in growing.folder.rglob("*")}
    watched, answers = WatchedRun(growing.folder), []
    readers = [threading.Thread(target=lambda: answers.append(watched.answer())) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    answers.append(WatchedRun(growing.folder).answer())
    assert len({json.dumps({**each, "age_s": 0}) for each in answers}) == 1
    assert {path: path.stat().st_mtime_ns for path in growing.folder.rglob("*")} == before


def test_folders_that_are_no_run_are_refused(tmp_path: Path, finished: Run) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.nii.gz").touch()
    with pytest.raises(InputError, match="run: wanted a run folder, got .*scans, which holds other files"):
        check_watchable(tmp_path / "scans")
    with pytest.raises(InputError, match=r"got .*a\.nii\.gz, which is a file"):
        check_watchable(tmp_path / "scans" / "a.nii.gz")
    with pytest.raises(InputError, match="whose parent folder does not exist"):
        check_watchable(tmp_path / "typo" / "run")
    (tmp_path / "empty").mkdir()
    for fine in (tmp_path / "later", tmp_path / "empty", finished.folder):
        check_watchable(fine)
