"""Whole segmentations on small labelled scans: what they write, learn and start from, and data that cannot be used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.errors import InputError, TrainingStopped
from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from orienteer.finetuning.segmentation import loss
from orienteer.runs.weights import load_encoder
from tests.helpers.finetuned import FROM_RUN, csv_rows, model_weights, same_weights
from tests.helpers.labelled import SMALL, rewrite_labels, write_case, write_json


def test_the_summary_says_what_was_measured_and_on_what(segmented):
    summary = json.loads((segmented.folder / "summary.json").read_text())
    assert summary == segmented.summary
    test = summary["test"]
    assert set(test["dice"]) == {"bright", "grey"}
    assert test["dice_mean"] == pytest.approx(np.mean(list(test["dice"].values())), abs=1e-5)
    assert summary["counts"] == {
        "training": 4, "test": 2, "failed": 0, "training_cases_with_class": {"bright": 4, "grey": 4},
    }  # fmt: skip
    assert (summary["start"], summary["fraction"], summary["seed"], summary["steps"]) == ("scratch", 1.0, 0, 4)
    assert summary["seconds"] >= summary["training_seconds"] > 0


def test_every_test_case_has_a_prediction_on_its_own_voxels_and_a_row(segmented, labelled_data):
    split = json.loads((segmented.folder / "split.json").read_text())
    assert split["test"] == ["imagesTr/case_0", "imagesTr/case_3"]
    for name in split["test"]:
        predicted = sitk.ReadImage(str(segmented.folder / f"predictions/{name}.nii.gz"))
        image = sitk.ReadImage(str(labelled_data.parent / f"{name}.nii.gz"))
        for get in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
            assert getattr(predicted, get)() == getattr(image, get)()
    rows = csv_rows(segmented.folder / "results.csv")
    assert [row["case"] for row in rows] == split["test"]
    means = [float(row["dice_mean"]) for row in rows]
    assert np.mean(means) == pytest.approx(segmented.summary["test"]["dice_mean"], abs=1e-3)


def test_scores_are_those_of_the_files_that_were_written(segmented, labelled_data):
    rows = {row["case"]: row for row in csv_rows(segmented.folder / "results.csv")}
    for name, row in rows.items():
        predicted, truth = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
            for path in (
                segmented.folder / f"predictions/{name}.nii.gz",
                labelled_data.parent / f"labelsTr/{Path(name).name}.nii.gz",
            )
        )
        for number, label in ((1, "bright"), (2, "grey")):
            a, b = predicted == number, truth == number
            dice = 2 * (a & b).sum() / (a.sum() + b.sum())
            assert float(row[f"dice {label}"]) == pytest.approx(dice, abs=1e-4)


def test_pictures_show_the_best_the_median_and_the_worst(segmented):
    assert sorted(path.name for path in (segmented.folder / "pictures").iterdir()) == [
        "best.png",
        "median.png",
        "worst.png",
    ]
    assert all(path.stat().st_size > 5000 for path in (segmented.folder / "pictures").iterdir())


def test_predict_gives_the_predictions_of_the_test_again(segmented, labelled_data, tmp_path):
    name = "imagesTr/case_0"
    (tmp_path / "scans").mkdir()
    shutil.copy(labelled_data.parent / f"{name}.nii.gz", tmp_path / "scans")
    predict(segmented.folder, tmp_path / "scans", tmp_path / "out")
    again, before = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        for path in (tmp_path / "out/case_0.nii.gz", segmented.folder / f"predictions/{name}.nii.gz")
    )
    assert np.array_equal(again, before)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(segmented, labelled_data, labelled_store, tmp_path):
    again = finetune(data=labelled_data, out=tmp_path / "same", store=labelled_store, **SMALL)
    other = finetune(data=labelled_data, out=tmp_path / "other", store=labelled_store, seed=1, **SMALL)
    assert same_weights(segmented.folder, again.folder)
    assert not same_weights(segmented.folder, other.folder)


def test_training_lowers_the_loss_and_finds_the_blobs(labelled_data, labelled_store, tmp_path):
    settings = {**SMALL, "steps": 50, "learning_rate": 1e-2, "patch_size": [16, 20, 16]}
    settings["encoder_arguments"] = {"filters": [8, 16, 16], "stem_stride": 1}
    run = finetune(data=labelled_data, out=tmp_path / "run", store=labelled_store, **settings)
    losses = [json.loads(line)["loss"] for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])
    assert min(run.summary["test"]["dice"].values()) > 0.75


def test_a_new_output_layer_is_another_beginning(segmented, labelled_data, labelled_store, tmp_path):
    new = finetune(data=labelled_data, out=tmp_path / "new", store=labelled_store, **{**SMALL, "output_layer": "new"})
    assert not same_weights(new.folder, segmented.folder)
    first, other = (
        json.loads((run / "metrics.jsonl").read_text().splitlines()[0]) for run in (segmented.folder, new.folder)
    )
    assert first["loss"] < other["loss"]


def test_a_loss_that_is_not_finite_stops_and_names_the_cases(labelled_data, labelled_store, tmp_path, monkeypatch):
    class Broken(torch.nn.Module):
        def forward(self, logits, labels):
            return torch.tensor(float("nan"), requires_grad=True)

    monkeypatch.setattr(loss, "segmentation_loss", Broken)
    with pytest.raises(TrainingStopped, match=r"the loss of step 1 is nan, on imagesTr/case_\d, imagesTr/case_\d"):
        finetune(data=labelled_data, out=tmp_path / "run", store=labelled_store, **SMALL)


def test_a_frozen_start_keeps_the_runs_weights_and_warns_of_test_scans_seen_in_pretraining(
    finished, organs, store, tmp_path, capsys
):
    settings = {**FROM_RUN, **organs, "store": str(store), "schedule": "frozen", "fraction": 0.5}
    run = finetune(finished.folder, out=tmp_path / "run", **settings)
    assert run.summary["test_scans_seen_in_pretraining"] == run.summary["counts"]["test"] == 2
    assert capsys.readouterr().err.count("WARNING: 2 of 2 test scans were in the pretraining of") == 2
    encoder, card = load_encoder(finished.folder)
    assert json.loads((run.folder / "model.json").read_text())["spacing_mm"] == card["spacing_mm"]
    weights = model_weights(run.folder)
    for name, tensor in encoder.transferable().items():
        assert torch.equal(weights[name], tensor), name


def test_the_scratch_baseline_of_a_run_has_its_network_and_preparation_and_no_warning(
    finished, organs, store, tmp_path, capsys
):
    settings = {**FROM_RUN, **organs, "store": str(store), "start": "scratch"}
    run = finetune(finished.folder, out=tmp_path / "scratch", **settings)
    assert run.summary["test_scans_seen_in_pretraining"] == 0
    assert "WARNING" not in capsys.readouterr().err
    assert (run.summary["start"], run.summary["encoder"]) == ("scratch", "tiny")
    card = json.loads((run.folder / "model.json").read_text())
    assert card["spacing_mm"] == load_encoder(finished.folder)[1]["spacing_mm"]
    assert card["start"] == "scratch"


def test_data_ten_times_finer_than_the_run_are_refused_unless_asked_for(finished, data_copy, store):
    spacing = json.loads((finished.folder / "encoder.json").read_text())["spacing_mm"][0] / 10
    for number in range(6):
        write_case(data_copy, f"case_{number}.nii.gz", number, spacing=(spacing,) * 3)
    settings = {"data": data_copy / "dataset.json", "store": str(store), **FROM_RUN, "steps": 1}
    with pytest.raises(InputError, match=r"6 that cannot.*set --spacing-mm"):
        finetune(finished.folder, out=data_copy / "refused", **settings)
    run = finetune(finished.folder, out=data_copy / "run", spacing_mm=[spacing] * 3, **settings)
    assert run.summary["counts"]["failed"] == 0


def changed(data_copy: Path, store: str, **settings):
    """Fine-tunes on changed data for one step."""
    settings = {**SMALL, "steps": 1, "output_layer": "new", **settings}
    return finetune(data=data_copy / "dataset.json", out=data_copy / "run", store=store, **settings)


def test_cases_that_cannot_be_used_are_set_aside_by_name_with_the_reason(data_copy, labelled_store, capsys):
    for number, name in enumerate(("cut", "geometry", "missing", "size", "value")):
        write_case(data_copy, f"bad_{name}.nii.gz", number)
    write_case(data_copy, "bad_spacing.nii.gz", 9, spacing=(10.0, 10.0, 10.0))
    write_json(data_copy)
    scan, labels = data_copy / "imagesTr", data_copy / "labelsTr"
    (scan / "bad_cut.nii.gz").write_bytes((scan / "bad_cut.nii.gz").read_bytes()[:200])
    image = sitk.ReadImage(str(labels / "bad_geometry.nii.gz"))
    image.SetOrigin((image.GetOrigin()[0] + 9, *image.GetOrigin()[1:]))
    sitk.WriteImage(image, str(labels / "bad_geometry.nii.gz"))
    (labels / "bad_missing.nii.gz").unlink()
    write_case(data_copy / "other", "bad_size.nii.gz", 1, shape=(18, 20, 17))
    shutil.copy(data_copy / "other/labelsTr/bad_size.nii.gz", labels)
    rewrite_labels(labels / "bad_value.nii.gz", lambda values: np.where(values == 2, 7, values))

    run = changed(data_copy, labelled_store)
    reasons = {
        row["case"].removeprefix("imagesTr/bad_"): row["reason"] for row in csv_rows(run.folder / "failures.csv")
    }
    assert set(reasons) == {"cut", "geometry", "missing", "size", "spacing", "value"}
    assert "bad_geometry.nii.gz: up to 9 mm away" in reasons["geometry"]
    assert reasons["missing"] == "no label map bad_missing.nii.gz"
    assert "18 x 20 x 17 voxels where the image has 18 x 20 x 16" in reasons["size"]
    assert reasons["spacing"].startswith("voxels of 10 mm where 1 mm are")
    assert "wanted label values among 0, 1, 2, got 7 in bad_value.nii.gz" in reasons["value"]
    assert run.summary["counts"]["failed"] == 6
    assert run.summary["counts"]["training"] + run.summary["counts"]["test"] == 6
    printed = capsys.readouterr().err
    assert "set aside: imagesTr/bad_geometry: wanted labels on the voxels of their scan" in printed
    assert "set aside: 1 more, see failures.csv" in printed


def test_a_class_without_training_cases_is_reported_and_scored(data_copy, labelled_store, capsys):
    for number in (1, 2, 4, 5):
        rewrite_labels(data_copy / f"labelsTr/case_{number}.nii.gz", lambda values: np.where(values == 2, 0, values))
    rewrite_labels(data_copy / "labelsTr/case_2.nii.gz", np.zeros_like)
    summary = changed(data_copy, labelled_store).summary
    assert summary["classes_absent_from_training"] == ["grey"]
    assert summary["counts"]["training_cases_with_class"] == {"bright": 3, "grey": 0}
    assert summary["test"]["cases_with_class"]["grey"] == 2
    printed = capsys.readouterr().err
    assert "WARNING: class 'grey' is in none of the 4 training cases" in printed
    assert "note: 1 cases have no foreground, first imagesTr/case_2" in printed


def test_training_cases_without_any_foreground_are_refused(data_copy, labelled_store):
    for path in (data_copy / "labelsTr").iterdir():
        rewrite_labels(path, np.zeros_like)
    with pytest.raises(InputError, match="wanted training cases with foreground, got 4 without any"):
        changed(data_copy, labelled_store)
    assert not (data_copy / "run/config.yaml").exists()


def test_two_folders_without_names_of_classes_train_on_all_values_and_one_fold_tests_nothing(
    labelled_data, labelled_store, tmp_path
):
    folders = {kind: str(labelled_data.parent / f"{kind}Tr") for kind in ("images", "labels")}
    settings = {**SMALL, "steps": 1, "folds": 1, "output_layer": "new"}
    run = finetune(out=tmp_path / "run", store=labelled_store, **folders, **settings)
    assert set(run.summary["counts"]["training_cases_with_class"]) == {"class 1", "class 2"}
    assert (run.summary["counts"]["training"], run.summary["counts"]["test"], run.summary["test"]) == (6, 0, None)


def test_a_dataset_file_of_other_labels_prepares_its_own_label_maps(data_copy, labelled_store):
    """The cache of label maps knows which values are classes."""
    for number in range(6):
        rewrite_labels(data_copy / f"labelsTr/case_{number}.nii.gz", lambda values: np.where(values == 2, 4, values))
    write_json(data_copy, labels={"background": 0, "bright": 1, "grey": 4})
    changed(data_copy, labelled_store, output_layer="fitted")
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(data_copy / "run/predictions/imagesTr/case_0.nii.gz")))
    assert set(np.unique(written)) <= {0, 1, 4}


def test_a_split_file_takes_the_place_of_folds(labelled_data, labelled_store, tmp_path):
    names = sorted(path.name.removesuffix(".nii.gz") for path in (labelled_data.parent / "imagesTr").glob("*.nii.gz"))
    split = tmp_path / "splits_final.json"
    split.write_text(json.dumps([{"train": names[:2], "val": names[2:3]}]))
    run = finetune(
        data=labelled_data, out=tmp_path / "run", store=labelled_store, split=str(split), **{**SMALL, "steps": 1}
    )
    assert [Path(name).name for name in json.loads((run.folder / "split.json").read_text())["test"]] == names[2:3]
    assert run.summary["counts"]["training"] == 2
    assert run.summary["split"] == str(split)
