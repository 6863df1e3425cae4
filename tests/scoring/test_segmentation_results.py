"""Summary and tables of a segmentation: order of the means, absent classes, empty cells."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.scoring.segmentation_results import dice_by_class, results_table, summary_of_scores, write_results

NAMES = {0: "background", 3: "left", 7: "right"}


def test_means_are_over_cases_first_then_over_classes():
    scores = {"a": CaseScores((0.2, 0.9), (4.0, 1.0)), "b": CaseScores((0.4, math.nan), (2.0, math.nan))}
    summary = summary_of_scores(scores, {0: "background", 3: "left", 7: "right"})
    assert summary["dice"] == pytest.approx({"left": 0.3, "right": 0.9})
    assert summary["dice_mean"] == pytest.approx(0.6)
    assert summary["hd95_mm"] == pytest.approx(2.0)
    assert summary["cases_with_class"] == {"left": 2, "right": 1}


def test_a_class_that_was_never_found_has_no_mean_distance_but_is_counted():
    summary = summary_of_scores({"a": CaseScores((0.0,), (math.nan,))}, {0: "background", 1: "left"})
    assert summary["hd95_mm"] is None
    assert summary["cases_without_hd95"] == {"left": 1}


def test_dice_by_class_is_none_for_a_class_that_no_case_has() -> None:
    scores = [np.array([0.5, np.nan, np.nan]), np.array([1.0, 0.2, np.nan])]
    summary = dice_by_class(scores, {0: "background", 1: "a", 2: "b", 3: "c"})
    assert summary == {"dice_mean": pytest.approx(0.475), "dice": {"a": 0.75, "b": 0.2, "c": None}}


def test_results_csv_leaves_cells_empty_that_cannot_be_scored(tmp_path: Path) -> None:
    write_results(tmp_path, {"a, b": CaseScores((0.25, math.nan), (2.0, math.nan))}, NAMES)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["case", "dice_mean", "dice left", "dice right", "hd95_mm left", "hd95_mm right"]
    assert rows[1:] == [["a, b", "0.2500", "0.2500", "", "2.0000", ""]]


def test_the_table_has_a_dash_where_there_is_no_score() -> None:
    scores = {"a": CaseScores((0.0, 0.5), (math.nan, 1.0))}
    assert results_table(summary_of_scores(scores, NAMES)).splitlines()[1].split() == ["left", "0.000", "-"]
