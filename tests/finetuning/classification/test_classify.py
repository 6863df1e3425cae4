"""Classes of new scans: those of the test, bad scans counted, full disks and files that exist."""

import csv
import errno
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.finetuning.classification.classify import classify
from orienteer.finetuning.predict import predict
from orienteer.runs.run import Run


def full(number: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_new_scans_get_the_probabilities_of_the_test(
    classified: Run, torsos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans, model = tmp_path / "new", tmp_path / "model"
    scans.mkdir()
    model.mkdir()
    for name in ("model.json", "model.safetensors"):
        shutil.copy(classified.folder / name, model)
    with open(classified.folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        shutil.copy(torsos / row["scan"], scans / f"new_{row['scan']}")
    (scans / "cut.nii.gz").write_bytes((torsos / rows[0]["scan"]).read_bytes()[:3000])
    result = classify(model, scans, tmp_path / "classes.csv", workers=0)
    assert [failure.name for failure in result.failures] == ["cut.nii.gz"]
    with open(tmp_path / "classes.csv", newline="") as file:
        again = {row["scan"]: row for row in csv.DictReader(file)}
    assert len(again) == len(rows) == 2
    for row in rows:
        new = again[f"new_{row['scan']}"]
        assert new["predicted"] == row["predicted"]
        for column in ("score even", "score odd"):
            assert float(new[column]) == pytest.approx(float(row[column]), rel=1e-4)
    with pytest.raises(InputError, match="to: wanted a new file"):
        classify(model, scans, tmp_path / "classes.csv")

    monkeypatch.setattr("orienteer.finetuning.predict.classify", partial(classify, workers=0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="room for the classes, got No space left"):
            predict(model, scans, tmp_path / "predicted")
    assert not list((tmp_path / "predicted").iterdir())
    predict(model, scans, tmp_path / "predicted")  # the same command, whatever the task
    assert (tmp_path / "predicted" / "classes.csv").read_bytes() == (tmp_path / "classes.csv").read_bytes()
