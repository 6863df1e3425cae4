"""Fine-tuning a classifier: bad tables, splits, files, resuming, and that it learns."""

import csv
import errno
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.encoders import build_encoder
from orienteer.errors import InputError
from orienteer.finetuning.classification.classify import classify
from orienteer.finetuning.classification.network import Classifier, load_classifier
from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from orienteer.phantoms.torso import write_phantoms
from orienteer.runs.run import Run

QUICK: dict[str, Any] = {
    "task": "classification",
    "steps": 4,
    "batch": 2,
    "prepare_workers": 0,
    "accelerator": "cpu",
    "pictures": False,
    "folds": 3,
}


@pytest.fixture
def table(torsos: Path, tmp_path: Path) -> Path:
    """Labels of the torsos, two classes in turn, dealt by a split column."""
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))
    rows = [f"{name},{'even' if i % 2 == 0 else 'odd'},{'train' if i < 4 else 'test'}" for i, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["scan,label,split", *rows]) + "\n")
    return tmp_path / "labels.csv"


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic torsos of which every second has its organs on the wrong side, with labels."""
    folder = tmp_path_factory.mktemp("flipped")
    paths = write_phantoms(
        folder, count=24, seed=3, shape_vox=(32, 28, 32), spacing_mm=12.0, labels=False, progress=False
    )
    rows = ["scan,label,split"]
    for number, path in enumerate(paths):
        if number % 2:
            image = sitk.ReadImage(str(path))
            turned = sitk.GetImageFromArray(np.ascontiguousarray(sitk.GetArrayFromImage(image)[:, :, ::-1]))
            turned.CopyInformation(image)
            sitk.WriteImage(turned, str(path))
        rows.append(f"{path.name},{'mirrored' if number % 2 else 'usual'},{'train' if number < 14 else 'test'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def tuned(run: Run, table: Path, torsos: Path, store: Path, out: Path, **settings: Any) -> Run:
    given = {**QUICK, "images": str(torsos), "store": str(store), **settings}
    return finetune(run.folder, table, out, **given)


def test_folder_summary_and_predictions_agree(
    finished: Run, table: Path, torsos: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    run = tuned(finished, table, torsos, store, out, pictures=True)
    summary = json.loads((out / "summary.json").read_text())
    assert summary == run.summary
    assert summary["classes"] == ["even", "odd"]
    assert summary["counts"] == {
        "training": 4,
        "test": 2,
        "failed": 0,
        "training_scans_with_class": {"even": 2, "odd": 2},
        "test_scans_with_class": {"even": 1, "odd": 1},
    }
    assert summary["test_scans_seen_in_pretraining"] == 2
    assert "WARNING: 2 of 2 test scans were in the pretraining" in capsys.readouterr().out
    with open(out / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert summary["test"]["balanced_accuracy"] == pytest.approx(right)
    assert all(float(row["score even"]) + float(row["score odd"]) == pytest.approx(1, abs=1e-4) for row in rows)
    even, odd = (float(row["score odd"]) for row in rows)
    assert summary["test"]["auc"] == (1 if odd > even else 0)
    assert summary["majority_class"]["balanced_accuracy"] == 0.5
    there = {path.name for path in out.iterdir()}
    assert there >= {"config.yaml", "split.json", "metrics.jsonl", "model.safetensors", "model.json", "scores.png"}


def full(number: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_new_scans_get_the_probabilities_that_testing_gave(
    finished: Run, table: Path, torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(finished, table, torsos, store, tmp_path / "out")
    scans = tmp_path / "new"
    scans.mkdir()
    with open(tmp_path / "out" / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        shutil.copy(torsos / row["scan"], scans / f"new_{row['scan']}")
    (scans / "cut.nii.gz").write_bytes((torsos / rows[0]["scan"]).read_bytes()[:3000])
    found = classify(tmp_path / "out", scans, tmp_path / "classes.csv", workers=0)
    assert [failure.name for failure in found.failures] == ["cut.nii.gz"]
    with open(tmp_path / "classes.csv", newline="") as file:
        again = {row["scan"]: row for row in csv.DictReader(file)}
    assert len(again) == len(rows) == 2
    for row in rows:
        new = again[f"new_{row['scan']}"]
        assert new["predicted"] == row["predicted"]
        for column in ("score even", "score odd"):
            assert float(new[column]) == pytest.approx(float(row[column]), rel=1e-4)
    with pytest.raises(InputError, match="to: wanted a new file"):
        classify(tmp_path / "out", scans, tmp_path / "classes.csv")
    monkeypatch.setattr("orienteer.finetuning.predict.classify", partial(classify, workers=0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="room for the classes, got No space left"):
            predict(tmp_path / "out", scans, tmp_path / "predicted")
    assert not list((tmp_path / "predicted").iterdir())
    predict(tmp_path / "out", scans, tmp_path / "predicted")  # the same command, whatever the task
    assert (tmp_path / "predicted" / "classes.csv").read_bytes() == (tmp_path / "classes.csv").read_bytes()
    (tmp_path / "out" / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="cut short or was changed"):
        load_classifier(tmp_path / "out")


def test_a_resumed_classification_ends_like_an_unbroken_one(
    finished: Run, table: Path, torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tuned(finished, table, torsos, store, tmp_path / "whole", save_every=2)
    from orienteer.finetuning import loop

    def stop_early(folder: Path, step: int, *rest: Any) -> None:
        if step > 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_log", stop_early)
        with pytest.raises(KeyboardInterrupt):
            tuned(finished, table, torsos, store, tmp_path / "broken", save_every=2, log_every=1)
    resumed = finetune(out=tmp_path / "broken", resume=True)
    assert resumed.summary["test"] == whole.summary["test"]
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken"))
    assert one == two


def test_frozen_leaves_every_weight_of_the_encoder_alone(
    finished: Run, table: Path, torsos: Path, store: Path, tmp_path: Path
) -> None:
    tuned(finished, table, torsos, store, tmp_path / "frozen", schedule="frozen")
    tuned(finished, table, torsos, store, tmp_path / "full")
    from orienteer.runs.weights import load_encoder

    before = load_encoder(finished.folder)[0].state_dict()
    frozen = load_classifier(tmp_path / "frozen").network.encoder.state_dict()
    full = load_classifier(tmp_path / "full").network.encoder.state_dict()
    assert all(torch.equal(value, frozen[name]) for name, value in before.items())
    assert not all(torch.equal(value, full[name]) for name, value in before.items())


def test_levels_name_every_weight_of_the_encoder_and_no_other() -> None:
    network = Classifier(build_encoder("tiny", (32, 32, 32), filters=(4, 8, 8)), 2, seed=0)
    levels = network.levels()
    assert set(levels) == {name for name, _ in network.named_parameters() if name.startswith("encoder.")}
    assert set(levels.values()) == {0, 1, 2}


def test_logits_of_a_scan_do_not_depend_on_the_order_of_its_views() -> None:
    network = Classifier(build_encoder("tiny", (32, 32, 32), filters=(4, 8, 8)), 3, seed=0).eval()
    images = torch.randn(2, 4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network(images), network(images[:, [2, 0, 3, 1]]), atol=1e-5)
        assert network(images).shape == (2, 3)


def test_learns_which_side_the_organs_lie_on(flipped: Path, tmp_path: Path) -> None:
    # Five of each class are new to it; a chance of 1 in 252 to rank all of them rightly by luck.
    run = finetune(
        None,
        flipped / "labels.csv",
        tmp_path / "out",
        **{**QUICK, "steps": 120, "batch": 4},
        encoder="tiny",
        encoder_arguments={"filters": [8, 16, 32], "stem_stride": 2},
        patch_size=[32, 24, 32],
        spacing_mm=[12.0, 12.0, 12.0],
        learning_rate=4e-3,
        seed=0,
    )
    assert run.summary["start"] == "scratch"
    assert run.summary["test_scans_seen_in_pretraining"] == 0
    assert run.summary["test"]["auc"] > 0.9


def test_view_size_and_spacing_are_planned_without_a_run(torsos: Path, table: Path, tmp_path: Path) -> None:
    run = finetune(
        None,
        table,
        tmp_path / "out",
        **{**QUICK, "steps": 1},
        images=str(torsos),
        encoder="tiny",
        encoder_arguments={"filters": [4, 8, 8], "stem_stride": 1},
    )
    card = json.loads((tmp_path / "out" / "model.json").read_text())
    assert len(card["spacing_mm"]) == 3
    assert all(edge % 4 == 0 for edge in card["view_size"])
    assert run.summary["steps"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan,class\nSYNTHETIC_torso_000,x\n", "no column label"),
        ("scan,label\nSYNTHETIC_torso_000,x\nSYNTHETIC_torso_001,x\n", "at least two classes"),
        ("scan,label\nSYNTHETIC_torso_000,x\nSYNTHETIC_torso_01,y\n", "1 unknown, first 'SYNTHETIC_torso_01'"),
        ("scan,label\nSYNTHETIC_torso_000,x\nSYNTHETIC_torso_001,y\nSYNTHETIC_torso_000,x\n", "lines 2, 4"),
        (
            "scan,label\nSYNTHETIC_torso_000,x\nSYNTHETIC_torso_001,y\nSYNTHETIC_torso_000.nii.gz,x\n",
            "'SYNTHETIC_torso_000' and 'SYNTHETIC_torso_000.nii.gz', which are the same scan",
        ),
        ("scan,label\nSYNTHETIC_torso_000,x\nSYNTHETIC_torso_001,y\n", "folds: wanted at most as many"),
        (
            "scan,label,split\nSYNTHETIC_torso_000,x,train\nSYNTHETIC_torso_001,y,test\n",
            "none of class y in 1 training scans",
        ),
    ],
)
def test_tables_that_cannot_be_used_leave_nothing_behind(
    finished: Run, torsos: Path, store: Path, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        tuned(finished, tmp_path / "labels.csv", torsos, store, tmp_path / "out")
    assert not (tmp_path / "out" / "model.json").exists()


def test_a_test_scan_that_is_trained_on_under_another_name_is_refused(
    finished: Run, torsos: Path, store: Path, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))[:2]
    for name in names:
        shutil.copy(torsos / name, scans / name)
    shutil.copy(torsos / names[0], scans / "renamed.nii.gz")
    (tmp_path / "labels.csv").write_text(
        f"scan,label,split\n{names[0]},x,train\n{names[1]},y,train\nrenamed.nii.gz,x,test\n"
    )
    with pytest.raises(InputError, match="first 'renamed.nii.gz', the same scan as 'SYNTHETIC_torso_000.nii.gz'"):
        tuned(finished, tmp_path / "labels.csv", scans, store, tmp_path / "out")


def test_a_bad_scan_is_set_aside_and_the_others_go_on(
    finished: Run, torsos: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))
    for name in names:
        shutil.copy(torsos / name, scans / name)
    (scans / names[5]).write_bytes((torsos / names[5]).read_bytes()[:3000])
    rows = [f"{name},{'xy'[i % 2]}" for i, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["scan,label", *rows]))
    run = tuned(finished, tmp_path / "labels.csv", scans, store, tmp_path / "out")
    assert run.summary["counts"]["failed"] == 1
    assert run.summary["counts"]["training"] + run.summary["counts"]["test"] == 5
    assert names[5] in (tmp_path / "out" / "failures.csv").read_text()
    assert f"1 scan cannot be used:\n  {names[5]}" in capsys.readouterr().out


def test_without_data_says_what_to_name(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data: wanted a CSV of scan and label"):
        finetune(finished.folder, None, tmp_path / "out", task="classification")
