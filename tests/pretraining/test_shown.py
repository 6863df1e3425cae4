"""The file of a validation holds what the network predicts on held-out scans, as the pictures and the metrics have it."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from orienteer.methods import METHODS, listed_tasks
from orienteer.pretraining.data import open_scans, shown_views
from orienteer.pretraining.dry_run import random_views
from orienteer.pretraining.shown import ShownPredictions
from orienteer.runs.loaded import load_run
from orienteer.runs.network import build_network
from orienteer.runs.run import Run
from orienteer.runs.run_config import read_config
from orienteer.runs.validations import Shown, picture_files, read_shown, shown_steps
from orienteer.tasks.graded import rank_correlation
from tests.helpers.run_settings import run_config


@pytest.fixture
def shown(finished: Run) -> Shown:
    return read_shown(finished.folder, 6)


def test_every_validation_has_its_file_and_its_pictures(finished: Run) -> None:
    assert shown_steps(finished.folder) == [3, 6]
    assert list(picture_files(finished.folder, 3)) == ["gap", "route", "similarity"]
    assert picture_files(finished.folder, 4) == {}
    assert sum(path.stat().st_size for path in (finished.folder / "validations").iterdir()) < 20_000


def test_the_gaps_are_those_of_the_trained_network(finished: Run, shown: Shown) -> None:
    config, loaded = read_config(finished.folder), load_run(finished.folder, device="cpu")
    scans = open_scans(finished.folder, config)
    (views,) = shown_views(scans.store, scans.heldout, config, scans=3)
    with torch.no_grad():
        answers = loaded.network.answers(views)
    (scan,) = shown["scans"]
    assert scan["name"] == scans.names[views.scans[0]]
    np.testing.assert_allclose(scan["centres_mm"], views.centres_mm[0], atol=0.06)
    assert list(scan["gaps_mm"]) == ["gap", "route"]
    for name, gaps_mm in scan["gaps_mm"].items():
        predicted = answers[name].task.predicted_gaps(answers[name].prediction)
        np.testing.assert_allclose(gaps_mm, predicted.gaps[0] * config.unit_mm, atol=0.06)
    assert shown["view_mm"] == [128.0] * 3


def test_the_curve_is_that_of_the_embedding(finished: Run, shown: Shown) -> None:
    config, loaded = read_config(finished.folder), load_run(finished.folder, device="cpu")
    scans = open_scans(finished.folder, config)
    (views,) = shown_views(scans.store, scans.heldout, config, scans=3)
    with torch.no_grad():
        answer = loaded.network.answers(views)["similarity"]
        pairs = answer.task.similar_pairs(views, answer.prediction, answer.targets)
    assert pairs is not None
    for which, curve in zip(pairs, (shown["falloff"]["similarity"][name] for name in ("model", "raw")), strict=True):  # type: ignore[literal-required]
        assert curve["rank"] == pytest.approx(rank_correlation(*which).mean().item(), abs=1e-3)
        assert curve["mm"] == sorted(curve["mm"])
        assert all(
            low <= median <= high
            for low, median, high in zip(curve["low"], curve["median"], curve["high"], strict=True)
        )
        assert min(curve["mm"]) >= which[1].min().item() - 1e-3
        assert max(curve["mm"]) <= which[1].max().item() + 1e-3


def test_without_held_out_views_nothing_is_written(tmp_path: Path, finished: Run) -> None:
    network = load_run(finished.folder, device="cpu").network
    ShownPredictions(tmp_path, [], {}, unit_mm=100.0).write(network, torch.device("cpu"), step=1)
    assert list(tmp_path.iterdir()) == []


def test_predictions_that_are_not_finite_are_left_out(finished: Run, tmp_path: Path) -> None:
    config, network = read_config(finished.folder), load_run(finished.folder, device="cpu").network
    scans = open_scans(finished.folder, config)
    views = shown_views(scans.store, scans.heldout, config, scans=1)
    with torch.no_grad():
        for weight in network.tasks_by_name["gap"].parameters():
            weight.fill_(torch.nan)
        for weight in network.tasks_by_name["similarity"].parameters():
            weight.fill_(torch.nan)
    ShownPredictions(tmp_path, views, scans.names, config.unit_mm).write(network, torch.device("cpu"), step=1)
    shown = read_shown(tmp_path, 1)
    assert list(shown["scans"][0]["gaps_mm"]) == ["route"]
    assert shown["falloff"] == {}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_something_to_show(method: str, tmp_path: Path) -> None:
    """Whatever its tasks predict: the file is of the form that the page reads."""
    of = METHODS[method]
    given = {"views": of.views, "layout": of.layout, "teacher": of.teacher, "distortion": asdict(of.distortion)}
    config = run_config(
        method=method, tasks=listed_tasks(of), only_tasks=True, batch=1, view_size=[32, 32, 32], **given
    )
    network, views = build_network(config).eval(), random_views(config)
    names = {key: f"name of {key}" for key in views.scans}
    ShownPredictions(tmp_path, [views], names, config.unit_mm).write(network, torch.device("cpu"), step=1)
    shown = read_shown(tmp_path, 1)
    gaps = shown["scans"][0]["gaps_mm"]
    assert set(gaps) <= set(of.tasks)
    assert all(np.shape(each) == (of.views, of.views, 3) for each in gaps.values())
    assert set(shown["falloff"]) <= set(of.tasks)
