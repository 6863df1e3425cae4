"""Whole classifications of small synthetic scans: what they write and learn, resuming, and data that cannot be used."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.errors import InputError
from orienteer.finetuning.classification.model import load_classifier
from orienteer.finetuning.finetune import finetune
from orienteer.phantoms.torso import write_phantoms
from orienteer.runs.run import Run
from orienteer.runs.weights import load_encoder
from tests.helpers.classified import QUICK, classify_torsos


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


def test_folder_summary_and_predictions_agree(classified: Run) -> None:
    out, summary = classified.folder, json.loads((classified.folder / "summary.json").read_text())
    assert summary == classified.summary
    assert summary["classes"] == ["even", "odd"]
    assert summary["counts"] == {
        "training": 4,
        "test": 2,
        "failed": 0,
        "training_scans_with_class": {"even": 2, "odd": 2},
        "test_scans_with_class": {"even": 1, "odd": 1},
    }
    assert summary["test_scans_seen_in_pretraining"] == 2
    with open(out / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert summary["test"]["balanced_accuracy"] == pytest.approx(right)
    assert all(float(row["score even"]) + float(row["score odd"]) == pytest.approx(1, abs=1e-4) for row in rows)
    even, odd = (float(row["score odd"]) for row in rows)
    assert summary["test"]["auc"] == (1 if odd > even else 0)
    assert summary["majority_class"]["balanced_accuracy"] == 0.5
    files = {path.name for path in out.iterdir()}
    assert files >= {"config.yaml", "split.json", "metrics.jsonl", "model.safetensors", "model.json", "scores.png"}


def test_a_resumed_classification_ends_like_an_undisturbed_one(
    classified: Run,
    classify: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    from orienteer.finetuning import loop

    def stop_early(folder: Path, step: int, *rest: Any) -> None:
        if step > 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_log", stop_early)
        with pytest.raises(KeyboardInterrupt):
            classify(tmp_path / "broken", save_every=2, log_every=1)
    resumed = finetune(out=tmp_path / "broken", resume=True)
    assert capsys.readouterr().err.count("WARNING: 2 of 2 test scans were in the pretraining") == 3
    assert resumed.summary["test"] == classified.summary["test"]
    one, two = ((folder / "model.safetensors").read_bytes() for folder in (classified.folder, resumed.folder))
    assert one == two


def test_frozen_keeps_every_weight_of_the_encoder(
    classified: Run, classify: Callable[..., Run], finished: Run, tmp_path: Path
) -> None:
    frozen = classify(tmp_path / "frozen", schedule="frozen", steps=2)
    before = load_encoder(finished.folder)[0].state_dict()
    after, moved = (load_classifier(run.folder).network.encoder.state_dict() for run in (frozen, classified))
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not all(torch.equal(value, moved[name]) for name, value in before.items())


def test_learns_which_side_the_organs_lie_on(flipped: Path, tmp_path: Path) -> None:
    # Five of each class are new to it; a chance of 1 in 252 to rank all of them rightly by luck.
    run = finetune(
        None,
        flipped / "labels.csv",
        tmp_path / "out",
        **{**QUICK, "steps": 60, "batch": 4},
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


def test_view_size_and_spacing_are_planned_without_a_run(torsos: Path, parity: Path, tmp_path: Path) -> None:
    run = finetune(
        None,
        parity,
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
        classify_torsos(finished, tmp_path / "labels.csv", torsos, store, tmp_path / "out")
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
        classify_torsos(finished, tmp_path / "labels.csv", scans, store, tmp_path / "out")


def test_a_bad_scan_is_set_aside_and_the_others_are_used(
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
    run = classify_torsos(finished, tmp_path / "labels.csv", scans, store, tmp_path / "out")
    assert run.summary["counts"]["failed"] == 1
    assert run.summary["counts"]["training"] + run.summary["counts"]["test"] == 5
    assert names[5] in (tmp_path / "out" / "failures.csv").read_text()
    printed = capsys.readouterr()
    assert f"1 scan cannot be used:\n  {names[5]}" in printed.out + printed.err


def test_without_data_says_what_to_name(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data: wanted a CSV of scan and label"):
        finetune(finished.folder, None, tmp_path / "out", task="classification")
