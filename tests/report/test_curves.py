"""Learning curves and pictures over time, read from a run folder."""

import json

import pytest

from orienteer.report import curves
from orienteer.report.curves import draw_curves, in_person_units, over_time, read_metrics, rivals_of


def write_lines(folder, lines):
    (folder / "metrics.jsonl").write_text("".join(lines))


def heldout(step, error):
    figures = {"gap_error_mm": error, "gap_error_mm_trivial": 120.0, "near_far_accuracy": 0.75, "loss": 1.0}
    return json.dumps({"step": step, "part": "heldout", **figures}) + "\n"


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    write_lines(tmp_path, [heldout(3, 50.0), heldout(6, 40.0), '{"step": 9, "part": "hel'])
    assert [row["step"] for row in read_metrics(tmp_path)] == [3, 6]


def test_a_run_without_figures_has_no_curves(tmp_path):
    assert read_metrics(tmp_path) == []
    assert draw_curves([]) is None
    assert draw_curves([{"step": 1, "part": "train", "loss": 2.0}]) is None


def test_each_curve_is_drawn_with_its_rivals(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "learning_curves", lambda axes, steps, *rest: drawn.append((list(steps), *rest)))
    write_lines(tmp_path, [heldout(3, 50.0), heldout(6, 40.0)])
    picture = draw_curves(read_metrics(tmp_path))
    (steps, series, rivals, unit), (_, shares, none, percent) = drawn
    assert steps == [3, 6]
    assert list(series["gap error"]) == [50.0, 40.0]
    assert rivals == {"trivial": 120.0}
    assert unit == "mm"
    assert list(shares["near far accuracy"]) == [75.0, 75.0]
    assert none == {}
    assert percent == "%"
    assert "gap error 40 mm (trivial 120)" in picture.text
    assert "When to stop: 2 validations are too few" in picture.text


def test_the_first_a_middle_and_the_last_picture_are_chosen(tmp_path):
    (tmp_path / "pictures").mkdir()
    for step in (10, 20, 30, 40, 50):
        (tmp_path / "pictures" / f"step_{step:06d}_one.png").write_bytes(b"%d" % step)
    (tmp_path / "pictures" / "step_000010_two.png").write_bytes(b"x")
    (tmp_path / "pictures" / "notes.png").write_bytes(b"y")
    assert over_time(tmp_path) == {"one": [(10, b"10"), (30, b"30"), (50, b"50")], "two": [(10, b"x")]}


def test_a_run_without_pictures_has_nothing_over_time(tmp_path):
    assert over_time(tmp_path) == {}


def test_rivals_are_not_taken_for_figures():
    known = rivals_of({"a_mm": 1.0, "a_mm_trivial": 2.0, "a_mm_histogram": 3.0, "b_mm": 4.0})
    assert known == {"a_mm": {"trivial": 2.0, "histogram": 3.0}, "b_mm": {}}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("gap_error_mm", ("gap error", 0.5, "mm")),
        ("data_wait_share", ("data wait share", 50.0, "%")),
        ("loss", ("loss", 0.5, "")),
    ],
)
def test_figures_are_named_with_their_units(key, words):
    assert in_person_units(key, 0.5) == words
