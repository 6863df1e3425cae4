"""A probe at every validation: logged with its baseline, better with better features, and without effect on training."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from orienteer.errors import InputError
from orienteer.files import write_json
from orienteer.pretraining.pretrain import pretrain
from orienteer.probing import online
from orienteer.probing.online import OnlineProbe
from orienteer.runs.run import Run
from orienteer.runs.run_config import RunConfig, make_run_config
from orienteer.runs.summary import summary_table
from tests.helpers.labelled import write_dataset
from tests.helpers.run_files import assert_same_run, lines, weights
from tests.helpers.small_run import SMALL
from tests.helpers.voxel_encoder import VoxelEncoder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("labelled"), cases=4)


@pytest.fixture
def config(dataset: Path) -> RunConfig:
    plain: dict[str, Any] = {"view_size": [16, 16, 16], "spacing_mm": [2.0, 2.0, 3.0], "prepare_workers": 0}
    return make_run_config({**plain, "views": 2, "unit_mm": 50.0, "probe": str(dataset)})


def test_features_that_hold_the_label_beat_the_baseline_and_others_do_not(config: RunConfig, store: Path) -> None:
    probe = OnlineProbe(config, store)
    informative, constant = (probe(VoxelEncoder(factor)) for factor in (1.0, 0.0))
    assert informative["probe_knn_dice"] > informative["probe_knn_dice_trivial"] + 0.1
    assert informative["probe_knn_dice"] > constant["probe_knn_dice"] + 0.3
    assert informative["probe_ridge_dice"] > constant["probe_ridge_dice"]
    assert constant["probe_knn_dice_trivial"] == informative["probe_ridge_dice_trivial"]
    assert probe(VoxelEncoder(1.0)) == informative


def test_a_probed_run_is_the_run_without_a_probe(
    finished: Run, dataset: Path, torsos: Path, store: Path, tmp_path: Path
) -> None:
    run = pretrain(torsos, tmp_path / "probed", store=str(store), probe=str(dataset), **{**SMALL, "pictures": False})
    assert all(torch.equal(value, weights(run.folder)[name]) for name, value in weights(finished.folder).items())
    assert lines(run.folder, "train") == lines(finished.folder, "train")
    rows = lines(run.folder, "heldout")
    for kind in ("knn", "ridge"):
        assert all(0 <= row[f"probe_{kind}_dice"] <= 1 for row in rows)
        assert rows[0][f"probe_{kind}_dice_trivial"] == rows[1][f"probe_{kind}_dice_trivial"]
        assert f"probe {kind} dice (%)" in summary_table(run.summary)


def test_a_probed_run_that_was_cut_off_resumes_to_the_same_end(
    dataset: Path, torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL, "steps": 2, "validate_every": 1, "pictures": False, "store": str(store), "probe": str(dataset)}
    whole = pretrain(torsos, tmp_path / "whole", **settings)
    real: Callable = OnlineProbe.__call__
    calls = []

    def killed(self: OnlineProbe, *given: Any) -> dict[str, float]:
        calls.append(given)
        if len(calls) == 2:
            raise MemoryError("killed")
        return real(self, *given)

    monkeypatch.setattr(OnlineProbe, "__call__", killed)
    with pytest.raises(MemoryError, match="killed"):
        pretrain(torsos, tmp_path / "cut", **settings)
    assert_same_run(whole.folder, pretrain(out=tmp_path / "cut", resume=True).folder)


@pytest.mark.parametrize(
    ("probe", "word"), [("nowhere/dataset.json", "dataset.json"), ("one", "two labelled scans or more")]
)
def test_bad_input_stops_before_training(probe: str, word: str, config: RunConfig, store: Path, tmp_path: Path) -> None:
    path = str(write_dataset(tmp_path, cases=1)) if probe == "one" else probe
    with pytest.raises(InputError, match=word):
        OnlineProbe(replace(config, probe=path), store)


def test_a_patient_is_fitted_on_or_scored(config: RunConfig, dataset: Path, store: Path, tmp_path: Path) -> None:
    description = json.loads(dataset.read_text())
    for number, entry in enumerate(description["training"]):
        entry["patient"] = "PQQR"[number]
        for key in ("image", "label"):
            entry[key] = str(dataset.parent / entry[key])
    write_json(tmp_path / "dataset.json", description)
    named = replace(config, probe=str(tmp_path / "dataset.json"))
    training, test, _ = online._cases(named, replace(config.preparation, crop_to_body=False), store)
    assert [[case.case.group for case in part] for part in (training, test)] == [["P", "Q", "Q"], ["R"]]
