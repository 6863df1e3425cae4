"""Which cases are drawn, and that they are."""

import math
from pathlib import Path

import numpy as np

from orienteer.labelled.grids import grid_geometry
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.scoring.segmentation_pictures import chosen_cases, draw_case


def test_best_and_worst_are_chosen_among_cases_with_a_score():
    scores = {"a": CaseScores((math.nan,), (math.nan,)), "b": CaseScores((0.3,), (1.0,))}
    assert chosen_cases(scores) == {"best": "b", "median": "b", "worst": "b"}


def test_nothing_is_chosen_where_nothing_could_be_scored():
    assert chosen_cases({"a": CaseScores((math.nan,), (math.nan,))}) == {}


def test_a_case_without_labels_is_drawn_too(tmp_path: Path) -> None:
    empty = np.zeros((9, 8, 7), np.uint8)
    grid = grid_geometry((9, 8, 7), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))
    draw_case(tmp_path / "new" / "a.png", "a", np.zeros((9, 8, 7), np.float32), empty, empty, grid)
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")
