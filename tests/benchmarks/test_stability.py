"""The stability table: which runs collapsed or diverged, and that finished rows are not measured again."""

import json

import numpy as np
import pytest

from benchmarks import stability
from benchmarks.rows import read_rows
from orienteer.errors import TrainingStopped


def test_the_effective_rank_counts_directions_whatever_their_length_and_place():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(40, 5)))[0]
    for count in (1, 3, 5):
        used = directions[:, :count] - directions[:, :count].mean(axis=0)
        used = np.linalg.qr(used)[0] @ np.eye(count, 8)
        assert stability.effective_rank(1e3 * used + 7.0) == pytest.approx(count)


def test_held_out_losses_are_read_in_order_and_training_lines_left_out(tmp_path):
    rows = [{"part": "train", "loss": 9.0}, {"part": "heldout", "loss": 3.0}, {"part": "heldout", "loss": 1.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert stability.heldout_losses(tmp_path / "metrics.jsonl") == [3.0, 1.0]


@pytest.mark.parametrize(("rank", "collapsed"), [(1.4, "yes"), (9.0, "no")])
def test_a_row_describes_how_a_run_ended(tmp_path, monkeypatch, rank, collapsed):
    def pretrain(scans, out, **settings):
        out.mkdir()
        (out / "metrics.jsonl").write_text('{"part": "heldout", "loss": 2.0}\n{"part": "heldout", "loss": 1.5}\n')
        return type("Run", (), {"summary": {"heldout": {"gap_error_mm": 3.0, "gap_error_mm_trivial": 8.0}}})

    monkeypatch.setattr(stability, "pretrain", pretrain)
    monkeypatch.setattr(stability, "heldout_ranks", lambda run, store: (rank, 4.0))
    row = stability.measure_seed(tmp_path, tmp_path, "default", 20, 3, tmp_path / "run")
    assert (row["first_loss"], row["last_loss"], row["value"], row["trivial"]) == (2.0, 1.5, 3.0, 8.0)
    assert (row["seed"], row["diverged"], row["collapsed"]) == (3, "no", collapsed)


def test_a_run_that_stops_diverged_and_finished_rows_are_not_measured_again(tmp_path, monkeypatch):
    asked = []

    def pretrain(scans, out, **settings):
        asked.append(settings["seed"])
        raise TrainingStopped("the loss is not finite")

    monkeypatch.setattr(stability, "pretrain", pretrain)
    monkeypatch.setattr(stability, "write_phantoms", lambda *args, **kwargs: None)
    file = tmp_path / "new" / "stability.csv"
    stability.measure(2, 20, "default", file)
    stability.measure(3, 20, "default", file)
    stability.measure(1, 20, "voco", file)
    assert asked == [0, 1, 2, 0]
    rows = read_rows(file)
    assert [(row["method"], row["seed"], row["diverged"]) for row in rows] == [
        ("default", "0", "yes"), ("default", "1", "yes"), ("default", "2", "yes"), ("voco", "0", "yes"),
    ]  # fmt: skip
