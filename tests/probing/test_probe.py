"""Whole probes: of a segmentation, of a classification, and what stops them."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.probing.probe import probe
from orienteer.runs.run import Run

SMALL = {"workers": 0, "accelerator": "cpu", "voxels": 200, "test_voxels": 2000}


@pytest.fixture
def dataset(torsos: Path, tmp_path: Path) -> Path:
    """The torsos as a data set of four organs; the others become background."""
    import SimpleITK as sitk

    (tmp_path / "labels").mkdir()
    rows = []
    for path in sorted(torsos.glob("*.nii.gz")):
        labels = sitk.ReadImage(str(torsos / "labels" / path.name))
        kept = sitk.ChangeLabel(labels, {float(value): 0.0 for value in range(1, 60) if value not in (1, 2, 3, 4)})
        sitk.WriteImage(kept, str(tmp_path / "labels" / path.name))
        rows.append({"image": str(path), "label": f"labels/{path.name}"})
    names = {"0": "background", **{str(value): f"organ {value}" for value in (1, 2, 3, 4)}}
    (tmp_path / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "labels": names, "training": rows}))
    return tmp_path / "dataset.json"


def test_probe_of_a_segmentation(finished: Run, dataset: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = probe(finished.folder, dataset, out, folds=3, store=str(store), **SMALL)
    summary = json.loads((out / "summary.json").read_text())
    assert summary == result.summary
    assert summary["cases"] == {"train": 4, "test": 2, "failed": 0}
    assert summary["test_scans_seen_in_pretraining"] == 2  # the run was trained on these very scans
    for part in ("test", "random_weights", "majority_map"):
        assert list(summary[part]["dice"]) == ["organ 1", "organ 2", "organ 3", "organ 4"]
        assert 0 < summary[part]["dice_mean"] <= 1
    with open(out / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    column = "dice organ 2, majority map"
    assert np.mean([float(row[column]) for row in rows]) == pytest.approx(
        summary["majority_map"]["dice"]["organ 2"], abs=1e-4
    )
    assert (out / "probe.png").read_bytes().startswith(b"\x89PNG")


def test_probe_is_repeatable_and_warns_of_scans_seen_in_pretraining(
    finished: Run, dataset: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    settings = {**SMALL, "store": str(store), "pictures": False, "train_cases": 3, "test_cases": 1}
    one, two = (probe(finished.folder, dataset, tmp_path / name, folds=3, **settings).summary for name in "ab")
    assert {**one, "seconds": 0} == {**two, "seconds": 0}
    assert one["cases"] == {"train": 3, "test": 1, "failed": 0}
    assert "WARNING: 1 of 1 test scans were in the pretraining" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["ridge", "knn"])
def test_probe_of_a_classification(finished: Run, torsos: Path, store: Path, tmp_path: Path, kind: str) -> None:
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))
    text = "scan,label\n" + "".join(f"{name},{'even' if i % 2 else 'odd'}\n" for i, name in enumerate(names))
    (tmp_path / "labels.csv").write_text(text)
    result = probe(
        finished.folder,
        tmp_path / "labels.csv",
        tmp_path / "out",
        kind=kind,
        scans=str(torsos),
        folds=2,
        store=str(store),
        workers=0,
        accelerator="cpu",
    )
    summary = result.summary
    assert summary["classes"] == ["even", "odd"]
    assert summary["test"]["scans"] == 3
    assert summary["majority_class"]["auc"] == 0.5
    assert summary["majority_class"]["balanced_accuracy"] == 0.5
    low, high = summary["test"]["auc_interval"]
    assert 0 <= low <= summary["test"]["auc"] <= high <= 1
    assert len((tmp_path / "out" / "results.csv").read_text().splitlines()) == 4


def test_default_folder_lies_in_the_run_and_is_not_overwritten(
    finished: Run, dataset: Path, store: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("encoder.json", "encoder.safetensors"):
        shutil.copy(finished.folder / name, run / name)
    settings = {**SMALL, "store": str(store), "pictures": False, "train_cases": 1, "test_cases": 1, "folds": 3}
    result = probe(run, dataset, **settings)
    assert result.folder == run / f"probe-{dataset.parent.name}-ridge"
    assert result.summary["test_scans_seen_in_pretraining"] is None  # weights without their run folder
    with pytest.raises(InputError, match="out: wanted a new or empty folder"):
        probe(run, dataset, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fold": 5}, "fold: wanted 0 to folds - 1 = 4, got 5"),
        ({"folds": 1}, "folds: wanted 2 or more, got 1"),
        ({"kind": "forest"}, "kind: wanted one of ridge, logistic, knn, got forest"),
        ({"train_cases": 0}, "cases: wanted at least 1, got 0"),
        ({"voxels": 0}, "voxels: wanted 1 or more, got 0"),
    ],
)
def test_probe_settings_that_cannot_be(
    finished: Run, dataset: Path, store: Path, tmp_path: Path, settings: dict, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        probe(finished.folder, dataset, tmp_path / "out", store=str(store), **{**SMALL, **settings})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("given", "words"), [({}, "run: wanted"), ({"run": "r"}, "data: wanted")])
def test_probe_without_a_run_or_data(given: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        probe(**given)


def test_a_split_file_is_refused_for_a_classification(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split: wanted none, for a classification.*column `split` of the CSV"):
        probe(finished.folder, "labels.csv", tmp_path / "out", split="splits_final.json")
