"""Whole runs: what lies in the folder, resuming, refusing."""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from orienteer import load_encoder
from orienteer.errors import InputError, TrainingStopped
from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.methods import listed_tasks, resolve_method
from orienteer.pretraining import reporter
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.error_bars_file import read_error_bars
from orienteer.runs.folder import locked
from orienteer.runs.loaded import load_run
from orienteer.runs.run import Run
from orienteer.views.dataset import ValidationViews
from orienteer.views.loader import collate
from tests.helpers.run_files import assert_same_run, lines, weights
from tests.helpers.small_run import SMALL


def test_run_folder_is_complete(finished: Run) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert names >= {
        "config.yaml",
        "environment.json",
        "metrics.jsonl",
        "tensorboard",
        "pictures",
        "checkpoints",
        "encoder.safetensors",
        "encoder.json",
        "split.json",
        "failures.csv",
        "summary.json",
        "error_bars.json",
    }
    assert not {name for name in names if name.startswith(".")}
    steps = [row["step"] for row in lines(finished.folder, "heldout")]
    assert steps == [3, 6]
    assert [row["step"] for row in lines(finished.folder, "train")] == [1, 3, 5]
    pictures = sorted(path.name for path in (finished.folder / "pictures").iterdir())
    assert pictures == [f"step_{step:06d}_{task}.png" for step in (3, 6) for task in ("gap", "route", "similarity")]


def test_summary_has_every_promised_key(finished: Run) -> None:
    summary = json.loads((finished.folder / "summary.json").read_text())
    assert summary == finished.summary
    for key in ("gap_error_mm", "distance_error_mm", "near_far_accuracy", "route_error_mm"):
        assert summary["heldout"][key] >= 0
        assert summary["heldout"][f"{key}_trivial"] >= 0
    assert summary["heldout"]["closure_error_mm"] > 0
    assert summary["scans"]["read"] == 6
    assert summary["scans"]["failed"] == 0
    assert summary["steps"] == 6
    assert summary["views_per_second"] > 0
    assert 0 <= summary["data_wait_share"] <= 1


def test_split_lists_every_scan_once(finished: Run) -> None:
    split = json.loads((finished.folder / "split.json").read_text())
    names = [row["name"] for part in split.values() for row in part]
    assert len(names) == len(set(names)) == 6
    assert len(split["validation"]) == 1


def test_the_resolved_config_runs_again_to_the_same_weights(finished: Run, tmp_path: Path) -> None:
    settings = yaml.safe_load((finished.folder / "config.yaml").read_text())
    again = pretrain(**{**settings, "out": str(tmp_path / "again"), "pictures": False})
    assert_same_run(finished.folder, again.folder)


def test_the_saved_encoder_gives_the_features_of_training(finished: Run) -> None:
    encoder, card = load_encoder(finished.folder)
    state = weights(finished.folder)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, state[f"network.encoder.{name}"])
    assert card["spacing_mm"] == [8.0, 8.0, 8.0]
    assert encoder(torch.zeros(1, 1, 16, 16, 16))[-1].shape[1] == card["channels"][-1]


@pytest.mark.parametrize("options", [{}, {"teacher": True, "weight_averaging": 0.9, "accumulate": 2}])
def test_a_run_that_is_killed_resumes_to_the_same_end(
    options: dict, torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL, **options, "store": str(store), "steps": 4, "validate_every": 2}
    whole = pretrain(torsos, tmp_path / "whole", **settings)
    real = reporter.Reporter.on_train_batch_end

    def killed_at_step_3(self: Any, trainer: Any, module: Any, *args: Any) -> None:
        real(self, trainer, module, *args)
        if trainer.global_step == 3:
            raise MemoryError("killed")

    monkeypatch.setattr(reporter.Reporter, "on_train_batch_end", killed_at_step_3)
    with pytest.raises(MemoryError, match="killed"):
        pretrain(torsos, tmp_path / "cut", **settings)
    assert [row["step"] for row in lines(tmp_path / "cut", "train")][-1] == 3
    monkeypatch.setattr(reporter.Reporter, "on_train_batch_end", real)
    resumed = pretrain(out=tmp_path / "cut", resume=True)
    assert_same_run(whole.folder, resumed.folder)


def test_ctrl_c_saves_the_step_and_the_run_resumes_to_the_same_end(
    finished: Run,
    torsos: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    real = reporter.Reporter.on_train_batch_end

    def asked_at_step_4(self: Any, trainer: Any, module: Any, *args: Any) -> None:
        real(self, trainer, module, *args)
        if trainer.global_step == 4:
            import signal

            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(reporter.Reporter, "on_train_batch_end", asked_at_step_4)
    with pytest.raises(KeyboardInterrupt):
        pretrain(torsos, tmp_path / "cut", store=str(store), **SMALL)
    printed = capsys.readouterr().err
    assert "stopped after step 4 of 6" in printed
    assert "--resume" in printed
    monkeypatch.setattr(reporter.Reporter, "on_train_batch_end", real)
    resumed = pretrain(out=tmp_path / "cut", resume=True, workers=1)
    assert_same_run(finished.folder, resumed.folder)


def test_resuming_a_finished_run_changes_nothing(finished: Run, capsys: pytest.CaptureFixture) -> None:
    before = (finished.folder / "summary.json").read_bytes()
    again = pretrain(out=finished.folder, resume=True)
    assert again.summary == finished.summary
    assert (finished.folder / "summary.json").read_bytes() == before
    assert "finished" in capsys.readouterr().err


def test_a_folder_in_use_is_never_overwritten(finished: Run, torsos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which holds a run.*--resume"):
        pretrain(torsos, finished.folder, **SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="which holds other files"):
        pretrain(torsos, tmp_path / "mine", **SMALL)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "precious"


def test_a_folder_that_another_process_trains_in_is_refused(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.folder, tmp_path / "busy")
    with locked(folder), pytest.raises(InputError, match=f"in use by process {os.getpid()} on "):
        pretrain(out=folder, resume=True)


def test_the_lock_file_of_a_killed_process_is_ignored(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.folder, tmp_path / "killed")
    (folder / ".lock").write_text("1")  # as versions before 0.2 wrote it; process 1 always lives
    assert pretrain(out=folder, resume=True).summary["steps"] == 6
    assert not (folder / ".lock").exists()


def test_resume_refuses_other_settings_and_takes_faster_ones(finished: Run) -> None:
    with pytest.raises(InputError, match="steps: wanted 6, the value that the run started with, got 99"):
        pretrain(out=finished.folder, resume=True, steps=99)
    pretrain(out=finished.folder, resume=True, workers=2)


def test_resume_compares_tasks_by_what_they_are(finished: Run) -> None:
    """The run lists all of its tasks; the original command names only what it changes."""
    pretrain(out=finished.folder, resume=True, tasks={"gap": {"weight": 1.0}})
    with pytest.raises(InputError, match=r"tasks: wanted .*the value that the run started with"):
        pretrain(out=finished.folder, resume=True, tasks={"gap": {"scale": False}})


def test_error_bars_are_calibrated_on_the_held_out_scans_as_they_are(finished: Run) -> None:
    bars = read_error_bars(finished.folder)
    loaded = load_run(finished.folder, device="cpu")
    config = loaded.config
    assert sorted(bars) == ["gap", "route"]
    assert {each.scans for each in bars.values()} == {len(loaded.validation)}
    with loaded.open_store() as store:
        keys = sorted(loaded.validation)
        views = collate([
            ValidationViews(store, keys, config.view_policy, config.validation_sets)[number]
            for number in range(config.validation_sets * len(keys))
        ])  # fmt: skip
    predictions = loaded.predict(views)
    i, j = pair_index(views.views)
    errors = (loaded.gaps_mm(predictions)["gap"] - gap_matrix(views.centres_mm))[:, i, j].abs()
    shares = (errors / loaded.scales_mm(predictions)["gap"][:, i, j]).flatten(0, 1)
    factors = shares.quantile(0.9, dim=0) / math.log(10)
    torch.testing.assert_close(torch.tensor(bars["gap"].axis_factors), factors, rtol=1e-3, atol=1e-4)


def test_config_yaml_lists_the_tasks_with_all_options(finished: Run) -> None:
    plain = yaml.safe_load((finished.folder / "config.yaml").read_text())
    assert plain["only_tasks"] is True
    assert plain["tasks"] == listed_tasks(resolve_method("spatial"))


def test_resume_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="resume: wanted a run folder"):
        pretrain(out=tmp_path / "nothing", resume=True)


def test_a_checkpoint_that_is_cut_short_is_named(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.folder, tmp_path / "cut")
    last = folder / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"last\.ckpt.*cut short or damaged"):
        pretrain(out=folder, resume=True)


def test_a_checkpoint_of_another_encoder_is_named(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    wider = {
        **SMALL,
        "encoder_arguments": {"filters": [8, 8, 8, 16], "stem_stride": 1},
        "steps": 2,
        "store": str(store),
    }
    other = pretrain(torsos, tmp_path / "other", **wider)
    folder = shutil.copytree(finished.folder, tmp_path / "mixed")
    shutil.copy(other.folder / "checkpoints" / "last.ckpt", folder / "checkpoints" / "last.ckpt")
    with pytest.raises(InputError, match=r"of encoder .*'tiny'.*16.*of another shape"):
        pretrain(out=folder, resume=True)
    with pytest.raises(InputError, match=r"wanted the weights of encoder 'tiny'.*of another shape"):
        pretrain(torsos, tmp_path / "third", weights=str(other.folder), store=str(store), **SMALL)


def test_weights_start_a_new_run(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "steps": 1, "learning_rate": 1e-12, "store": str(store)}
    warm = pretrain(torsos, tmp_path / "warm", weights=str(finished.folder), **settings)
    encoder, _ = load_encoder(finished.folder)
    started, _ = load_encoder(warm.folder)
    for name, value in started.state_dict().items():
        torch.testing.assert_close(value, encoder.state_dict()[name], atol=1e-6, rtol=0)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orienteer.tasks.gap import Gap

    real, calls = Gap.loss, []

    def spoiled(self: Gap, prediction: Any, targets: Any) -> dict[str, torch.Tensor]:
        losses = real(self, prediction, targets)
        calls.append(torch.is_grad_enabled())
        return {name: value * float("nan") if sum(calls) == 5 else value for name, value in losses.items()}

    monkeypatch.setattr(Gap, "loss", spoiled)
    with pytest.raises(TrainingStopped, match=r"loss of step 5 is nan, on views of .*SYNTHETIC.*--resume"):
        pretrain(torsos, tmp_path / "run", store=str(store), **SMALL)
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 3
    assert all(torch.isfinite(value).all() for value in kept["state_dict"].values())


def test_a_bad_scan_is_named_and_counted_and_the_run_continues(torsos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(torsos, tmp_path / "scans")
    good = next(iter(sorted(folder.rglob("SYNTHETIC*.nii.gz"))))
    (folder / "cut.nii.gz").write_bytes(good.read_bytes()[:2000])
    run = pretrain(folder, tmp_path / "run", **{**SMALL, "steps": 1})
    assert run.summary["scans"]["read"] == 6
    assert run.summary["scans"]["failed"] == 1
    table = (run.folder / "failures.csv").read_text()
    assert "cut.nii.gz" in table


def test_a_scan_smaller_than_a_view_is_set_aside(torsos: Path, tmp_path: Path) -> None:
    import SimpleITK as sitk

    folder = shutil.copytree(torsos, tmp_path / "scans")
    whole = sitk.ReadImage(str(next(iter(sorted(folder.rglob("SYNTHETIC*.nii.gz"))))))
    sitk.WriteImage(whole[:, :, 20:28], str(folder / "slab.nii.gz"))
    run = pretrain(folder, tmp_path / "run", **{**SMALL, "steps": 1, "spacing_mm": [8.0, 8.0, 8.0]})
    assert run.summary["scans"]["too_small"] == 1
    assert "slab.nii.gz,fit" in (run.folder / "failures.csv").read_text()


def test_one_scan_cannot_be_split(torsos: Path, tmp_path: Path) -> None:
    one = next(iter(sorted(torsos.rglob("SYNTHETIC*.nii.gz"))))
    (tmp_path / "scans").mkdir()
    shutil.copy(one, tmp_path / "scans")
    with pytest.raises(InputError, match="at least 2 scans"):
        pretrain(tmp_path / "scans", tmp_path / "run", **SMALL)
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepz": 3}, "stepz: wanted a known setting.*steps"),
        ({"batch": 3, "accumulate": 2}, "batch: wanted a multiple of .* = 2"),
        ({"view_size": [30, 30, 30]}, r"view_size: wanted multiples of .*use \(32, 32, 32\)"),
        ({"method": "magic"}, "method: wanted one of default, spatial, paper"),
        ({"tasks": {"route": {"edgez": "pair"}}}, "tasks.route: wanted one of the options .*edges"),
        ({"encoder": "resnet"}, "encoder: wanted one of"),
        ({"augmentation": {"nois": 1}}, "nois: wanted a known setting"),
        ({"views": 1}, "views: wanted at least 2"),
        ({"unit_mm": -1.0}, "unit_mm: wanted a length above 0"),
    ],
)
def test_a_bad_setting_stops_before_any_work(settings: dict, message: str, torsos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        pretrain(torsos, tmp_path / "run", **{**SMALL, **settings})
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "store").exists()


def test_a_run_that_was_killed_before_its_summary_is_completed(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.folder, tmp_path / "killed")
    for name in ("summary.json", "encoder.safetensors", "encoder.json", "MODEL_CARD.md"):
        (folder / name).unlink()
    completed = pretrain(out=folder, resume=True)
    assert completed.summary["heldout"] == finished.summary["heldout"]
    assert completed.summary["plateau"] == finished.summary["plateau"]
    assert (folder / "MODEL_CARD.md").is_file()
    assert_same_run(finished.folder, folder)
