"""Whole fine-tunings on small labelled scans: what they write, resume, where they start from, and bad input."""

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import load_file

from orienteer.errors import InputError, TrainingStopped
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from orienteer.finetuning.segmentation import train as segmentation
from orienteer.finetuning.start import start_encoder
from orienteer.labelled.overlap import pretraining_contents
from orienteer.runs.run import Run
from orienteer.scans.content import file_hash
from tests.helpers.disguise import MakesAFile, with_hash
from tests.helpers.labelled import SMALL, rewrite_labels, write_case, write_dataset, write_json

PATCH = {"patch_size": [40, 32, 48], "steps": 2, "batch": 1, "folds": 3, "prepare_workers": 0, "accelerator": "cpu"}
"""Settings for a network that comes from a run."""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> str:
    """One store for all: the scans are prepared once."""
    return str(tmp_path_factory.mktemp("labelled_store"))


@pytest.fixture(scope="module")
def organs(torsos, tmp_path_factory) -> dict[str, str]:
    """The scans that `finished` was pretrained on, with a label map of two classes each."""
    folder = tmp_path_factory.mktemp("organs")
    for path in (torsos / "labels").glob("*.nii.gz"):
        shutil.copy(path, folder)
        rewrite_labels(folder / path.name, lambda values: np.minimum(values, 2))
    return {"images": str(torsos), "labels": str(folder)}


@pytest.fixture(scope="module")
def whole(data, prepared, tmp_path_factory) -> Run:
    """A fine-tuning that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return finetune(data=data, out=out, store=prepared, **{**SMALL, "pictures": True})


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_summary_says_what_was_measured_and_on_what(whole):
    summary = json.loads((whole.folder / "summary.json").read_text())
    assert summary == whole.summary
    test = summary["test"]
    assert set(test["dice"]) == {"bright", "grey"}
    assert test["dice_mean"] == pytest.approx(np.mean(list(test["dice"].values())), abs=1e-5)
    assert summary["counts"] == {
        "training": 4, "test": 2, "failed": 0, "training_cases_with_class": {"bright": 4, "grey": 4},
    }  # fmt: skip
    assert (summary["start"], summary["fraction"], summary["seed"], summary["steps"]) == ("scratch", 1.0, 0, 4)
    assert summary["seconds"] >= summary["training_seconds"] > 0


def test_every_test_case_has_a_prediction_on_its_own_voxels_and_a_row(whole, data):
    split = json.loads((whole.folder / "split.json").read_text())
    assert split["test"] == ["imagesTr/case_0", "imagesTr/case_3"]
    for name in split["test"]:
        predicted = sitk.ReadImage(str(whole.folder / f"predictions/{name}.nii.gz"))
        image = sitk.ReadImage(str(data.parent / f"{name}.nii.gz"))
        for get in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
            assert getattr(predicted, get)() == getattr(image, get)()
    rows = rows_of(whole.folder / "results.csv")
    assert [row["case"] for row in rows] == split["test"]
    means = [float(row["dice_mean"]) for row in rows]
    assert np.mean(means) == pytest.approx(whole.summary["test"]["dice_mean"], abs=1e-3)


def test_scores_are_those_of_the_files_that_were_written(whole, data):
    rows = {row["case"]: row for row in rows_of(whole.folder / "results.csv")}
    for name, row in rows.items():
        predicted, truth = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
            for path in (
                whole.folder / f"predictions/{name}.nii.gz",
                data.parent / f"labelsTr/{Path(name).name}.nii.gz",
            )
        )
        for number, label in ((1, "bright"), (2, "grey")):
            a, b = predicted == number, truth == number
            dice = 2 * (a & b).sum() / (a.sum() + b.sum())
            assert float(row[f"dice {label}"]) == pytest.approx(dice, abs=1e-4)


def test_pictures_show_the_best_the_median_and_the_worst(whole):
    assert sorted(path.name for path in (whole.folder / "pictures").iterdir()) == [
        "best.png",
        "median.png",
        "worst.png",
    ]
    assert all(path.stat().st_size > 5000 for path in (whole.folder / "pictures").iterdir())


def test_predict_gives_the_predictions_of_the_test_again(whole, data, tmp_path):
    name = "imagesTr/case_0"
    (tmp_path / "scans").mkdir()
    shutil.copy(data.parent / f"{name}.nii.gz", tmp_path / "scans")
    predict(whole.folder, tmp_path / "scans", tmp_path / "out")
    again, before = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        for path in (tmp_path / "out/case_0.nii.gz", whole.folder / f"predictions/{name}.nii.gz")
    )
    assert np.array_equal(again, before)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(whole, data, prepared, tmp_path):
    same_run = finetune(data=data, out=tmp_path / "same", store=prepared, **SMALL)
    other = finetune(data=data, out=tmp_path / "other", store=prepared, seed=1, **SMALL)
    assert same(whole.folder, same_run.folder)
    assert not same(whole.folder, other.folder)


def test_training_lowers_the_loss_and_finds_the_blobs(data, prepared, tmp_path):
    settings = {**SMALL, "steps": 60, "learning_rate": 1e-2, "patch_size": [16, 20, 16]}
    settings["encoder_arguments"] = {"filters": [8, 16, 16], "stem_stride": 1}
    run = finetune(data=data, out=tmp_path / "run", store=prepared, **settings)
    losses = [json.loads(line)["loss"] for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])
    assert min(run.summary["test"]["dice"].values()) > 0.75


def test_ctrl_c_saves_the_step_and_resume_ends_as_if_nothing_had_happened(whole, data, prepared, tmp_path, monkeypatch):
    out, loss, steps = tmp_path / "run", segmentation.step_loss, []

    def stopping(*given):
        of_step = loss(*given)

        def stop_at_the_second_step(step, batch):
            steps.append(step)
            if len(steps) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return of_step(step, batch)

        return stop_at_the_second_step

    monkeypatch.setattr(segmentation, "step_loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        finetune(data=data, out=out, store=prepared, **SMALL)
    assert len(steps) == 2
    assert not (out / "summary.json").exists()
    monkeypatch.undo()
    finetune(out=out, resume=True)
    assert same(out, whole.folder)
    steps_logged = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps_logged == [1, 2, 3, 4]


def test_a_new_output_layer_is_another_beginning(whole, data, prepared, tmp_path):
    new = finetune(data=data, out=tmp_path / "new", store=prepared, **{**SMALL, "output_layer": "new"})
    assert not same(new.folder, whole.folder)
    first, other = (
        json.loads((run / "metrics.jsonl").read_text().splitlines()[0]) for run in (whole.folder, new.folder)
    )
    assert first["loss"] < other["loss"]


def test_resume_refuses_other_settings(whole, data):
    with pytest.raises(InputError, match="seed: wanted 0, the value that the run started with, got 3"):
        finetune(out=whole.folder, resume=True, seed=3)


def test_a_folder_in_use_is_not_overwritten(whole, data, prepared):
    with pytest.raises(InputError, match="which holds a run"):
        finetune(data=data, out=whole.folder, store=prepared, **SMALL)


def test_a_loss_that_is_not_finite_stops_and_names_the_cases(data, prepared, tmp_path, monkeypatch):
    class Broken(torch.nn.Module):
        def forward(self, logits, labels):
            return torch.tensor(float("nan"), requires_grad=True)

    monkeypatch.setattr(segmentation, "segmentation_loss", Broken)
    with pytest.raises(TrainingStopped, match=r"the loss of step 1 is nan, on imagesTr/case_\d, imagesTr/case_\d"):
        finetune(data=data, out=tmp_path / "run", store=prepared, **SMALL)


def test_a_pretrained_start_begins_with_the_runs_weights(finished, organs, store, tmp_path):
    config = FinetuneConfig(run=str(finished.folder))
    encoder = start_encoder(segmentation.with_start(config))
    for name, tensor in load_file(finished.folder / "encoder.safetensors").items():
        assert torch.equal(encoder.state_dict()[name], tensor)
    folders = {**organs, "store": str(store)}
    run = finetune(finished.folder, out=tmp_path / "run", schedule="frozen", fraction=0.5, **folders, **PATCH)
    card = json.loads((finished.folder / "encoder.json").read_text())
    assert json.loads((run.folder / "model.json").read_text())["spacing_mm"] == card["spacing_mm"]
    state = run.folder / "model.safetensors"
    for name, tensor in encoder.transferable().items():  # the encoder was frozen: its weights are those of the run
        assert torch.equal(load_file(state)[name], tensor), name


def test_test_scans_that_were_pretrained_on_are_said_loudly(finished, organs, store, tmp_path, capsys):
    folders = {**organs, "store": str(store)}
    run = finetune(finished.folder, out=tmp_path / "seen", **folders, **PATCH)
    assert run.summary["test_scans_seen_in_pretraining"] == run.summary["counts"]["test"] == 2
    assert capsys.readouterr().err.count("WARNING: 2 of 2 test scans were in the pretraining of") == 2
    twin = finetune(finished.folder, out=tmp_path / "twin", start="scratch", **folders, **PATCH)
    assert twin.summary["test_scans_seen_in_pretraining"] == 0
    assert "WARNING" not in capsys.readouterr().err
    assert twin.summary["start"] == "scratch"
    assert twin.summary["encoder"] == run.summary["encoder"]


def test_a_run_remembers_what_it_was_trained_on_by_content(finished, torsos):
    contents = pretraining_contents(str(finished.folder))
    assert contents is not None
    assert len(contents) == 6
    rows = json.loads((finished.folder / "split.json").read_text())
    assert all("content" in row for part in rows.values() for row in part)
    # A scan is known by its bytes alone, so that a copy under another name is found.
    assert len(file_hash(next(torsos.glob("*.nii.gz")))) == len(next(iter(contents)))


def test_weights_without_their_run_folder_cannot_tell_what_they_saw(finished, tmp_path):
    for name in ("encoder.safetensors", "encoder.json"):
        shutil.copy(finished.folder / name, tmp_path)
    assert pretraining_contents(str(tmp_path / "encoder.safetensors")) is None


def test_weights_of_another_architecture_are_refused(finished, save_run, data, tmp_path):
    other = save_run("tiny", filters=[8, 8, 8], stem_stride=1)
    with pytest.raises(InputError, match="start: wanted weights of encoder 'tiny'"):
        finetune(finished.folder, start=str(other), data=data, out=tmp_path / "tuned", spacing_mm=[1, 1, 1], **PATCH)
    with pytest.raises(InputError, match="encoder: wanted 'tiny', the network of"):
        finetune(finished.folder, encoder="segresnet", data=data, out=tmp_path / "tuned", **PATCH)
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize("vouched", [False, True])
@pytest.mark.parametrize("kind", ["cut", "pickle"])
def test_a_start_that_is_cut_or_a_pickle_is_refused_and_never_run(kind, vouched, save_run, data, prepared, tmp_path):
    file = save_run("tiny", filters=[4, 8, 8], stem_stride=1) / "encoder.safetensors"
    mark = tmp_path / "it_ran"
    if kind == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        torch.save({"network_weights": MakesAFile(mark)}, file)
    if vouched:
        with_hash(file.parent, file.read_bytes())
    words = r"wanted a safetensors file" if vouched else "cut short or was changed"
    with pytest.raises(InputError, match=words):
        finetune(start=str(file), data=data, out=tmp_path / "tuned", store=prepared, spacing_mm=[1, 1, 1], **PATCH)
    assert not mark.exists()
    assert not (tmp_path / "tuned").exists()


@pytest.fixture
def copy(data, tmp_path) -> Path:
    """A data set of its own, to spoil."""
    shutil.copytree(data.parent, tmp_path / "data")
    return tmp_path / "data"


def spoilt(copy: Path, prepared: str, **settings) -> tuple[dict, list[dict[str, str]]]:
    """Fine-tunes on spoilt data; returns the summary and the rows of failures.csv."""
    run = finetune(data=copy / "dataset.json", out=copy / "run", store=prepared, **{**SMALL, "steps": 1, **settings})
    return run.summary, rows_of(run.folder / "failures.csv")


def test_labels_of_another_geometry_are_set_aside_by_name(copy, prepared, capsys):
    path = copy / "labelsTr/case_1.nii.gz"
    image = sitk.ReadImage(str(path))
    place = image.GetOrigin()
    image.SetOrigin((place[0] + 9, place[1], place[2]))
    sitk.WriteImage(image, str(path))
    summary, rows = spoilt(copy, prepared)
    assert summary["counts"]["failed"] == 1
    assert rows[0]["case"] == "imagesTr/case_1"
    assert "case_1.nii.gz: up to 9 mm away" in rows[0]["reason"]
    assert "set aside: imagesTr/case_1: wanted labels on the voxels of their scan" in capsys.readouterr().err


def test_labels_of_another_size_are_set_aside(copy, prepared):
    write_case(copy / "other", "case_1.nii.gz", 1, shape=(18, 20, 17))
    shutil.copy(copy / "other/labelsTr/case_1.nii.gz", copy / "labelsTr/case_1.nii.gz")
    _, rows = spoilt(copy, prepared)
    assert "18 x 20 x 17 voxels where the image has 18 x 20 x 16" in rows[0]["reason"]


def test_a_missing_label_map_is_counted_among_the_failures(copy, prepared):
    (copy / "labelsTr/case_2.nii.gz").unlink()
    summary, rows = spoilt(copy, prepared)
    assert summary["counts"]["failed"] == 1
    assert (rows[0]["case"], rows[0]["reason"]) == ("imagesTr/case_2", "no label map case_2.nii.gz")


def test_an_unknown_class_value_is_named(copy, prepared):
    rewrite_labels(copy / "labelsTr/case_2.nii.gz", lambda values: np.where(values == 2, 7, values))
    _, rows = spoilt(copy, prepared)
    assert "wanted label values among 0, 1, 2, got 7 in case_2.nii.gz" in rows[0]["reason"]


def test_a_case_without_foreground_is_used_and_said(copy, prepared, capsys):
    rewrite_labels(copy / "labelsTr/case_2.nii.gz", np.zeros_like)
    summary, _ = spoilt(copy, prepared)
    assert summary["counts"]["failed"] == 0
    assert summary["counts"]["training_cases_with_class"] == {"bright": 3, "grey": 3}
    assert "note: 1 cases have no foreground, first imagesTr/case_2" in capsys.readouterr().err


def test_training_cases_without_any_foreground_are_refused(copy, prepared):
    for path in (copy / "labelsTr").iterdir():
        rewrite_labels(path, np.zeros_like)
    with pytest.raises(InputError, match="wanted training cases with something labelled, got 4 without any"):
        spoilt(copy, prepared)
    assert not (copy / "run/config.yaml").exists()


def test_a_class_that_no_training_case_has_is_said_loudly(copy, prepared, capsys):
    for number in (1, 2, 4, 5):
        rewrite_labels(copy / f"labelsTr/case_{number}.nii.gz", lambda values: np.where(values == 2, 0, values))
    summary, _ = spoilt(copy, prepared)
    assert summary["classes_absent_from_training"] == ["grey"]
    assert "WARNING: class 'grey' is in none of the 4 training cases" in capsys.readouterr().err
    assert summary["test"]["cases_with_class"]["grey"] == 2


def test_a_spacing_ten_times_that_of_the_others_is_set_aside(copy, prepared):
    write_case(copy, "case_4.nii.gz", 4, spacing=(10.0, 10.0, 10.0))
    _, rows = spoilt(copy, prepared)
    assert rows[0]["case"] == "imagesTr/case_4"
    assert rows[0]["reason"] == "voxels of 10 mm where 1 mm are usual"


def test_data_ten_times_finer_than_the_run_are_refused_unless_asked_for(finished, copy, store):
    run_spacing = json.loads((finished.folder / "encoder.json").read_text())["spacing_mm"][0]
    for number in range(6):
        write_case(copy, f"case_{number}.nii.gz", number, spacing=(run_spacing / 10,) * 3)
    settings = {"data": copy / "dataset.json", "store": str(store), **PATCH}
    with pytest.raises(InputError, match=r"6 that cannot.*are wanted.*set --spacing-mm"):
        finetune(finished.folder, out=copy / "refused", **settings)
    run = finetune(finished.folder, out=copy / "run", spacing_mm=[run_spacing / 10] * 3, **settings)
    assert run.summary["counts"]["failed"] == 0


def test_a_damaged_scan_is_set_aside(copy, prepared):
    path = copy / "imagesTr/case_5.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    summary, rows = spoilt(copy, prepared)
    assert summary["counts"]["failed"] == 1
    assert rows[0]["case"] == "imagesTr/case_5"


def test_classes_are_found_where_nobody_names_them(copy, prepared):
    settings = {**SMALL, "steps": 1}
    folders = {"images": str(copy / "imagesTr"), "labels": str(copy / "labelsTr")}
    run = finetune(out=copy / "run", store=prepared, **folders, **settings)
    assert set(run.summary["test"]["dice"]) == {"class 1", "class 2"}


def test_one_fold_trains_on_all_and_tests_nothing(copy, prepared):
    summary, _ = spoilt(copy, prepared, folds=1)
    assert (summary["counts"]["training"], summary["counts"]["test"], summary["test"]) == (6, 0, None)


def test_a_full_disk_while_predicting_leaves_nothing_half_written(copy, prepared, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orienteer.labelled.nifti.write_bytes", full)
    with pytest.raises(InputError, match=r"room for a prediction, got No space left on device"):
        spoilt(copy, prepared)
    assert not list((copy / "run").rglob("*.nii.gz"))
    monkeypatch.undo()
    run = finetune(out=copy / "run", resume=True)  # the training is done; the predictions are made
    assert len(list((run.folder / "predictions").rglob("*.nii.gz"))) == 2


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"fold": 3}, "fold: wanted 0 to folds - 1 = 2"),
        ({"fraction": 0.0}, "fraction: wanted above 0"),
        ({"schedule": "thawed"}, "schedule: wanted one of full, frozen, decoder-first"),
        ({"patch_size": [15, 16, 16]}, r"wanted multiples of \(4, 4, 4\)"),
        ({"learnign_rate": 1.0}, "did you mean learning_rate"),
        ({"accelerator": "gpu"}, "wanted a GPU"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(data, prepared, tmp_path, setting, words):
    if setting.get("accelerator") == "gpu" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match=words):
        finetune(data=data, out=tmp_path / "run", store=prepared, **{**SMALL, **setting})


def test_a_dataset_file_of_other_labels_prepares_its_own_label_maps(copy, prepared):
    """The cache of label maps knows which values are classes."""
    rewrite_labels(copy / "labelsTr/case_0.nii.gz", lambda values: np.where(values == 2, 4, values))
    for number in range(1, 6):
        rewrite_labels(copy / f"labelsTr/case_{number}.nii.gz", lambda values: np.where(values == 2, 4, values))
    write_json(copy, labels={"background": 0, "bright": 1, "grey": 4})
    spoilt(copy, prepared)
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(copy / "run/predictions/imagesTr/case_0.nii.gz")))
    assert set(np.unique(written)) <= {0, 1, 4}


def test_a_split_file_takes_the_place_of_folds(data, prepared, tmp_path):
    names = sorted(path.name.removesuffix(".nii.gz") for path in (data.parent / "imagesTr").glob("*.nii.gz"))
    split = tmp_path / "splits_final.json"
    split.write_text(json.dumps([{"train": names[:2], "val": names[2:3]}]))
    run = finetune(data=data, out=tmp_path / "run", store=prepared, split=str(split), **SMALL)
    assert [Path(name).name for name in json.loads((run.folder / "split.json").read_text())["test"]] == names[2:3]
    assert run.summary["counts"]["training"] == 2
    assert run.summary["split"] == str(split)
    with pytest.raises(InputError, match="split: wanted none, for a classification"):
        finetune(data="x.csv", out=tmp_path / "other", task="classification", split=str(split))
