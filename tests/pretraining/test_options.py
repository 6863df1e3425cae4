"""Options of a training change its weights, or leave them as they are, as documented."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.run import Run
from tests.helpers.run_files import lines, weights
from tests.helpers.small_run import SMALL


def short(torsos: Path, store: Path, out: Path, **changes: Any) -> Run:
    return pretrain(torsos, out, **{**SMALL, "store": str(store), "steps": 2, "validate_every": 2, **changes})


def difference(one: Run, other: Run) -> float:
    first, second = weights(one.folder), weights(other.folder)
    return max(float((first[name] - second[name]).abs().max()) for name in first if name.startswith("network.encoder."))


@pytest.fixture(scope="module")
def plain(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return short(torsos, store, tmp_path_factory.mktemp("options") / "plain")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": 1e-4},
        {"weight_decay": 0.5},
        {"warmup": 0.9},
        {"clip_norm": 0.01},
        {"precision": "bf16"},
        {"teacher": True},
        {"min_body_fraction": 0.9},
        {"max_distance_mm": 80.0},
        {"unit_mm": 37.0},
        {"ct_window_hu": [-200.0, 300.0]},
        {"augmentation": {"enabled": False}},
        {"tasks": {"route": {"edges": "position"}}},
        {"tasks": {"gap": {"weight": 0.0}}},
    ],
    ids=str,
)
def test_options_that_change_the_weights(change: dict, plain: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    assert difference(plain, short(torsos, store, tmp_path / "run", **change)) > 1e-7


@pytest.mark.parametrize(
    "change", [{"workers": 1}, {"pictures": True}, {"accumulate": 2}, {"grad_checkpointing": True}], ids=str
)
def test_options_that_keep_the_weights(change: dict, plain: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    run = short(torsos, store, tmp_path / "run", **change)
    assert difference(plain, run) < 2e-4
    assert (run.folder / "pictures").exists() == change.get("pictures", False)


def test_the_averaged_weights_are_saved(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = short(torsos, store, tmp_path / "run", weight_averaging=0.9)
    saved = weights(run.folder)
    card = json.loads((run.folder / "encoder.json").read_text())
    assert card["steps"] == 2
    from orienteer import load_encoder

    encoder, _ = load_encoder(run.folder)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, saved[f"averaged.module.encoder.{name}"])
    assert any(
        not torch.equal(saved[f"averaged.module.encoder.{name}"], saved[f"network.encoder.{name}"])
        for name in encoder.state_dict()
    )


def test_the_teacher_follows_the_student_slowly(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = short(torsos, store, tmp_path / "run", teacher=True, teacher_decay=0.9, steps=4, validate_every=4)
    saved = weights(run.folder)
    names = [name.removeprefix("network.encoder.") for name in saved if name.startswith("network.encoder.")]
    apart = [float((saved[f"teacher.module.{name}"] - saved[f"network.encoder.{name}"]).abs().max()) for name in names]
    assert 0 < max(apart) < 0.1


def test_the_papers_form_runs_and_closes_its_routes_by_construction(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = short(torsos, store, tmp_path / "run", method="paper", views=None)
    assert run.summary["heldout"]["closure_error_mm"] == pytest.approx(0, abs=1e-3)
    config = (run.folder / "config.yaml").read_text()
    assert "teacher: true" in config
    assert "views: 3" in config


def test_more_views_than_four_draw_routes(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = short(torsos, store, tmp_path / "run", views=6, batch=1)
    assert lines(run.folder, "heldout")[-1]["route_error_mm"] > 0
