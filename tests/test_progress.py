import sys
from types import ModuleType, SimpleNamespace

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


@pytest.mark.parametrize("widgets", [False, True])
def test_a_notebook_gets_a_bar_and_one_with_widgets_theirs(monkeypatch: pytest.MonkeyPatch, widgets: bool) -> None:
    kernel = ModuleType("ipykernel.kernelapp")
    kernel.IPKernelApp = SimpleNamespace(initialized=lambda: True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", kernel)
    monkeypatch.setattr(progress, "find_spec", lambda name: object() if widgets else None)
    kind = progress._bar_kind()
    assert kind is not None
    assert kind.__module__ == ("tqdm.notebook" if widgets else "tqdm.std")


def test_a_log_file_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    assert progress._bar_kind() is None
