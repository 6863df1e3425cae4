"""Curves are those of metrics.jsonl, thinned by means of blocks."""

import math
from pathlib import Path

import numpy as np
import pytest

from orienteer.runs.metrics_log import append_line
from orienteer.watching.curves import MOST_POINTS, Curves, thinned


def test_thinning_keeps_the_mean_of_a_curve_and_its_order() -> None:
    steps, values = list(range(1000)), list(np.random.default_rng(0).normal(size=1000))
    thin_steps, thin_values = thinned(steps, values, most=250)
    assert (len(thin_steps), len(thin_values)) == (250, 250)
    assert np.mean(thin_values) == pytest.approx(np.mean(values))
    assert thin_steps == sorted(thin_steps)
    np.testing.assert_allclose(thin_values, np.reshape(values, (250, 4)).mean(axis=1))


def test_a_block_without_a_finite_value_is_a_hole() -> None:
    _, values = thinned([1, 2, 3, 4], [math.nan, math.inf, 1.0, 1.0], most=2)
    assert math.isnan(values[0])
    assert values[1] == 1.0


def test_long_runs_send_no_more_points_than_a_page_draws(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for step in range(1, 1001):
        append_line(file, step, "train", {"loss": 1.0 / step, "loss.gap.gap": 5.0})
    curves = Curves(file)
    assert curves.update()
    assert not curves.update()
    assert curves.last_step == 1000
    assert len(curves.loss()["train"]["steps"]) == MOST_POINTS
    append_line(file, 1001, "heldout", {"loss": 0.5})
    assert curves.update()
    assert curves.loss()["heldout"] == {"steps": [1001], "values": [0.5]}


def test_a_metric_that_appears_late_has_the_steps_that_it_has(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    append_line(file, 1, "heldout", {"gap_error_mm": 9.0, "gap_error_mm_trivial": 10.0})
    append_line(
        file,
        2,
        "heldout",
        {"gap_error_mm": 8.0, "gap_error_mm_trivial": 10.0, "probe_knn_dice": 0.5, "edge_error_mm": 3.0},
    )
    curves = Curves(file)
    curves.update()
    by_key = {row["key"]: row for row in curves.metrics()}
    assert list(by_key) == ["gap_error_mm", "edge_error_mm"]
    assert by_key["edge_error_mm"]["heldout"] == {"steps": [2], "values": [3.0]}
