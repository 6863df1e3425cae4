"""A probe at every validation: logged with its floor, better with better features, and without effect on training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.pretraining.pretrain import pretrain
from orienteer.probing.online import OnlineProbe
from orienteer.runs.run import Run
from orienteer.runs.run_config import RunConfig, make_run_config
from orienteer.runs.summary import summary_table
from tests.helpers.labelled import write_dataset
from tests.helpers.run_files import assert_same_run, lines, weights
from tests.helpers.small_run import SMALL


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("labelled"), cases=4)


class Voxels(Encoder):
    """An encoder whose features are the voxels times a number, as a direction."""

    channels, strides = (2,), ((1, 1, 1),)

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        angle = self.factor * images  # neighbours are sought by direction
        return (torch.cat([angle.cos(), angle.sin()], dim=1),)


@pytest.fixture
def config(dataset: Path) -> RunConfig:
    plain: dict[str, Any] = {"view_size": [16, 16, 16], "spacing_mm": [2.0, 2.0, 3.0], "prepare_workers": 0}
    return make_run_config({**plain, "views": 2, "unit_mm": 50.0, "probe": str(dataset)})


def test_features_that_tell_the_label_beat_the_floor_and_others_do_not(config: RunConfig, store: Path) -> None:
    probe, cpu = OnlineProbe(config, store), torch.device("cpu")
    telling, silent = (probe(Voxels(factor), cpu) for factor in (1.0, 0.0))
    assert telling["probe_knn_dice"] > telling["probe_knn_dice_trivial"] + 0.1
    assert telling["probe_knn_dice"] > silent["probe_knn_dice"] + 0.3
    assert telling["probe_ridge_dice"] > silent["probe_ridge_dice"]
    assert silent["probe_knn_dice_trivial"] == telling["probe_ridge_dice_trivial"]
    assert probe(Voxels(1.0), cpu) == telling


def test_a_probed_run_is_the_run_without_a_probe(
    finished: Run, dataset: Path, torsos: Path, store: Path, tmp_path: Path
) -> None:
    run = pretrain(torsos, tmp_path / "probed", store=str(store), probe=str(dataset), **SMALL)
    assert all(torch.equal(value, weights(run.folder)[name]) for name, value in weights(finished.folder).items())
    assert lines(run.folder, "train") == lines(finished.folder, "train")
    rows = lines(run.folder, "heldout")
    for kind in ("knn", "ridge"):
        assert all(0 <= row[f"probe_{kind}_dice"] <= 1 for row in rows)
        assert rows[0][f"probe_{kind}_dice_trivial"] == rows[1][f"probe_{kind}_dice_trivial"]
        assert f"probe {kind} dice (%)" in summary_table(run.summary)


def test_a_probed_run_that_was_cut_off_goes_on_to_the_same_end(
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
    from dataclasses import replace

    path = str(write_dataset(tmp_path, cases=1)) if probe == "one" else probe
    with pytest.raises(InputError, match=word):
        OnlineProbe(replace(config, probe=path), store)
