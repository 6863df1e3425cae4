"""Learning curves and pictures over time, read from a run folder."""

import json

from orienteer.report import curves
from orienteer.report.curves import draw_curves, over_time, read_metrics


def write_lines(folder, lines):
    (folder / "metrics.jsonl").write_text("".join(lines))


def heldout(step, error):
    metrics = {"gap_error_mm": error, "gap_error_mm_trivial": 120.0, "near_far_accuracy": 0.75, "loss": 1.0}
    return json.dumps({"step": step, "part": "heldout", **metrics}) + "\n"


def test_a_truncated_line_is_skipped(tmp_path):
    write_lines(tmp_path, [heldout(3, 50.0), heldout(6, 40.0), '{"step": 9, "part": "hel'])
    assert [row["step"] for row in read_metrics(tmp_path)] == [3, 6]


def test_a_run_without_metrics_has_no_curves(tmp_path):
    assert read_metrics(tmp_path) == []
    assert draw_curves([]) is None
    assert draw_curves([{"step": 1, "part": "train", "loss": 2.0}]) is None


def test_each_curve_is_drawn_with_its_baselines(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "learning_curves", lambda axes, steps, *rest: drawn.append((list(steps), *rest)))
    write_lines(tmp_path, [heldout(3, 50.0), heldout(6, 40.0)])
    drawn_curves = draw_curves(read_metrics(tmp_path))
    (steps, series, baselines, unit), (_, shares, none, percent) = drawn
    assert steps == [3, 6]
    assert list(series["gap error"]) == [50.0, 40.0]
    assert baselines == {"trivial": 120.0}
    assert unit == "mm"
    assert list(shares["near far accuracy"]) == [75.0, 75.0]
    assert none == {}
    assert percent == "%"
    gap, _ = drawn_curves.last
    assert (gap.name, gap.value, gap.baselines) == ("gap error", 40.0, {"trivial": 120.0})
    assert "2 validations are too few" in drawn_curves.hint


def test_the_first_a_middle_and_the_last_picture_are_chosen(tmp_path):
    (tmp_path / "pictures").mkdir()
    for step in (10, 20, 30, 40, 50):
        (tmp_path / "pictures" / f"step_{step:06d}_one.png").write_bytes(b"%d" % step)
    (tmp_path / "pictures" / "step_000010_two.png").write_bytes(b"x")
    (tmp_path / "pictures" / "notes.png").write_bytes(b"y")
    assert over_time(tmp_path) == {"one": ((10, b"10"), (30, b"30"), (50, b"50")), "two": ((10, b"x"),)}


def test_a_run_without_pictures_has_nothing_over_time(tmp_path):
    assert over_time(tmp_path) == {}
