"""Probing frozen features: the models, the sampled voxels, the floors, whole probes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.probing.models import BALANCES, STRENGTHS, fit_probe
from orienteer.probing.probe import probe
from orienteer.probing.voxels import MajorityMap, dice, lattice, mean_dice, sample_voxels, scores_by_class
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


@pytest.mark.parametrize("kind", list(STRENGTHS))
def test_every_model_finds_classes_that_lie_apart(kind: str) -> None:
    rng = np.random.default_rng(0)
    middles = 2 * rng.normal(size=(3, 6))

    def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
        classes = rng.integers(0, 3, rows)
        features = rng.normal(size=(rows, 6)) + middles[classes]
        # A channel that never changes must not matter, nor one that changes in the sixth digit only when fitting.
        return np.column_stack([features, np.full(rows, 7.0)]).astype(np.float32), classes

    features, classes = drawn(300)
    half = [(np.arange(0, 300, 2), np.arange(1, 300, 2))]
    predict, choice = fit_probe(
        kind, features, classes, np.ones(300), 3, half, lambda true, scores, _: float((scores.argmax(1) == true).mean())
    )  # type: ignore[arg-type]
    new, true = drawn(200)
    assert (predict(new).argmax(1) == true).mean() > 0.9
    assert choice.strength in STRENGTHS[kind]
    assert choice.balance in BALANCES


@pytest.mark.parametrize("kind", list(STRENGTHS))
def test_the_inner_split_chooses_and_the_balance_raises_rare_classes(kind: str) -> None:
    rng = np.random.default_rng(1)
    classes = (rng.random(600) < 0.05).astype(int)
    features = (rng.normal(size=(600, 3)) + 1.0 * classes[:, None]).astype(np.float32)
    half = [(np.arange(0, 600, 2), np.arange(1, 600, 2))]

    def found(target: float) -> tuple[float, float]:
        # Choose by nearness of the share that is called rare to a target.
        predict, choice = fit_probe(
            kind,
            features,
            classes,
            np.ones(600),
            2,
            half,
            lambda _, scores, weights: -abs(float((scores.argmax(1) == 1).mean()) - target),
        )  # type: ignore[arg-type]
        return choice.balance, float((predict(features).argmax(1) == 1).mean())

    (none, few), (full, many) = found(0.0), found(0.5)
    assert none < full
    assert few < many


def test_weights_stand_for_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    features, classes = rng.normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2
    weights = np.where(np.arange(40) < 20, 3.0, 1.0)
    again = np.concatenate([np.arange(40), np.arange(20), np.arange(20)])
    scale = features[again].std(0) / features.std(0)
    moved = (features[again].mean(0) - features.mean(0)) / features[again].std(0)
    assert np.isfinite(scale).all()
    assert np.isfinite(moved).all()
    weighted, _ = fit_probe("ridge", features, classes, weights, 2, [], lambda *_: 0.0)
    repeated, _ = fit_probe("ridge", features[again], classes[again], np.ones(80), 2, [], lambda *_: 0.0)
    # Only the penalty sees the two ways of standardising; the fits agree closely.
    assert np.corrcoef(weighted(features)[:, 1], repeated(features)[:, 1])[0, 1] > 0.99


def test_dice_by_hand() -> None:
    true, predicted = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 0])
    assert dice(true, predicted, 4)[:2] == pytest.approx([2 * 2 / 6, 0])
    assert np.isnan(dice(true, predicted, 4)[2])
    weights = np.array([1.0, 3, 1, 1, 2, 1])
    assert dice(true, predicted, 3, weights)[0] == pytest.approx(2 * 2 / (4 + 5))


def test_mean_dice_leaves_out_cases_without_the_class() -> None:
    scores = [np.array([0.5, np.nan, np.nan]), np.array([1.0, 0.2, np.nan])]
    assert mean_dice(scores)[:2] == pytest.approx([0.75, 0.2])
    summary = scores_by_class(scores, {0: "background", 1: "a", 2: "b", 3: "c"})
    assert summary == {"dice_mean": pytest.approx(0.475), "dice": {"a": 0.75, "b": 0.2, "c": None}}


def test_sampled_voxels_stand_for_the_whole_case() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 24, 22), np.uint8)
    labels[3:9, 4:9, 2:20] = 1
    labels[15:17, 2:5, 3:5] = 3
    totals = np.zeros(4)
    for _ in range(30):
        points, classes, weights = sample_voxels(rng, labels, 4, 400)
        assert (labels[tuple(points.T)] == classes).all()
        assert (classes == 3).sum() >= 90  # one half of a half, although it is 0.1 % of the case
        totals += np.bincount(classes, weights, 4) / 30
    assert totals == pytest.approx(np.bincount(labels.reshape(-1), minlength=4), rel=0.05)


def test_a_case_without_foreground_is_sampled_anywhere() -> None:
    points, classes, weights = sample_voxels(np.random.default_rng(0), np.zeros((5, 6, 7), np.uint8), 3, 50)
    assert points.shape == (50, 3)
    assert classes.max() == 0
    assert weights.sum() == pytest.approx(5 * 6 * 7)


@pytest.mark.parametrize("most", [10**6, 500, 60])
def test_lattice_is_regular_and_small_enough(most: int) -> None:
    shape = (11, 14, 9)
    points = lattice(shape, most)
    assert len(points) <= most
    assert points.min() >= 0
    assert (points.max(0) < shape).all()
    for axis in range(3):
        assert len(set(np.diff(np.unique(points[:, axis])))) <= 1
    if most > 10**5:
        assert len(points) == 11 * 14 * 9


def test_majority_map_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 3, shape).astype(np.uint8) for shape in ((6, 5, 4), (4, 5, 4), (5, 4, 4), (6, 6, 3))]
    floor = MajorityMap(maps, 3)
    for shape in ((6, 5, 4), (8, 3, 4)):
        for point in np.ndindex(*shape):
            votes = [0, 0, 0]
            for labels in maps:
                place = [p - s // 2 + n // 2 for p, s, n in zip(point, shape, labels.shape, strict=True)]
                if all(0 <= p < n for p, n in zip(place, labels.shape, strict=True)):
                    votes[labels[tuple(place)]] += 1
            assert floor.at(np.array([point]), shape)[0] == int(np.argmax(votes)), (shape, point)


def test_a_coarser_majority_map_keeps_large_structures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orienteer.probing.voxels.MOST_CELLS", 1000)
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[:, :, 20:] = 1
    floor = MajorityMap([labels, labels], 2)
    points = lattice((40, 40, 40), 10**6)
    assert floor.majority.size * 2 <= 1000
    assert (floor.at(points, (40, 40, 40)) == labels[tuple(points.T)]).mean() > 0.85


def test_probe_of_a_segmentation(finished: Run, dataset: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = probe(finished.folder, dataset, out, folds=3, store=str(store), **SMALL)
    summary = json.loads((out / "summary.json").read_text())
    assert summary == found.summary
    assert summary["cases"] == {"train": 4, "test": 2, "failed": 0}
    assert summary["test_scans_seen_in_pretraining"] == 2  # the run was trained on these very scans
    for part in ("test", "random_weights", "majority_map"):
        assert list(summary[part]["dice"]) == ["organ 1", "organ 2", "organ 3", "organ 4"]
        assert 0 < summary[part]["dice_mean"] <= 1
    with open(out / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    one = "dice organ 2, majority map"
    assert np.mean([float(row[one]) for row in rows]) == pytest.approx(
        summary["majority_map"]["dice"]["organ 2"], abs=1e-4
    )
    assert (out / "probe.png").read_bytes().startswith(b"\x89PNG")


def test_probe_is_repeatable_and_says_what_it_saw(
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
    found = probe(
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
    summary = found.summary
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
    import shutil

    run = tmp_path / "run"
    run.mkdir()
    for name in ("encoder.json", "encoder.safetensors"):
        shutil.copy(finished.folder / name, run / name)
    settings = {**SMALL, "store": str(store), "pictures": False, "train_cases": 1, "test_cases": 1, "folds": 3}
    found = probe(run, dataset, **settings)
    assert found.folder == run / f"probe-{dataset.parent.name}-ridge"
    assert found.summary["test_scans_seen_in_pretraining"] is None  # weights without their run folder
    with pytest.raises(InputError, match="out: wanted a new or empty folder"):
        probe(run, dataset, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fold": 5}, "fold: wanted 0 to folds - 1 = 4, got 5"),
        ({"folds": 1}, "folds: wanted a larger number, got 1"),
        ({"kind": "forest"}, "kind: wanted one of ridge, logistic, knn, got forest"),
        ({"train_cases": 0}, "cases: wanted at least 1, got 0"),
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
