"""Tables and pictures of a probe: every model in a line, empty cells where a class cannot be scored."""

import numpy as np

from orienteer.probing.outcome import FEATURES, RANDOM, bars_table, dice_picture, dice_table

BARS = {FEATURES: {"mean": 0.5, "left_lung": 0.75}, RANDOM: {"mean": 0.25}, "majority map": {"left_lung": 0.5}}


def test_every_model_has_a_line_and_a_dash_where_it_has_no_score() -> None:
    head, features, random, majority = (line.split() for line in bars_table(BARS).splitlines())
    assert head == ["mean", "left", "lung"]
    assert features == ["frozen", "features", "0.500", "0.750"]
    assert random == ["random", "weights", "0.250", "-"]
    assert majority == ["majority", "map", "-", "0.500"]


def test_rows_hold_every_class_of_every_model() -> None:
    dice = {FEATURES: [np.array([0.5, np.nan]), np.array([1.0, 0.25])], RANDOM: [np.array([0.0, np.nan])] * 2}
    head, rows = dice_table(["a", "b"], dice, {0: "background", 1: "front", 2: "back"})
    assert head == ["case", *(f"dice {name}, {model}" for model in (FEATURES, RANDOM) for name in ("front", "back"))]
    assert rows == [["a", "0.5000", "", "0.0000", ""], ["b", "1.0000", "0.2500", "0.0000", ""]]


def test_the_picture_has_a_bar_for_each_score() -> None:
    assert dice_picture(BARS, "a title").startswith(b"\x89PNG")
