import sys

import pytest

from orienteer import progress
from orienteer.progress import Progress


def test_lines_in_a_log_file_have_the_count_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with Progress("training", total=10, unit="steps", start=2) as bar:
        for _ in range(4):
            now[0] += 8.0
            bar.advance(1, {"gap_error_mm": 12.0})
    assert capsys.readouterr().err.splitlines() == [
        "training: 4/10 steps, ETA 0:48  gap error 12 mm",
        "training: 6/10 steps, ETA 0:32  gap error 12 mm",
    ]


def test_short_work_leaves_no_trace(capsys: pytest.CaptureFixture) -> None:
    with Progress("preparing", total=3) as bar:
        bar.advance(3)
    assert capsys.readouterr().err == ""
