"""Pictures at validations: which are drawn, what they are called, and that they cost next to nothing."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from orienteer.draw.figures import new_figure
from orienteer.pretraining import gallery
from orienteer.pretraining.gallery import MOST_SHARE, SCANS, Gallery
from orienteer.pretraining.pretrain import pretrain
from orienteer.report.curves import over_time
from orienteer.runs.network import Network
from orienteer.runs.run import Run
from orienteer.views.batch import ViewBatch
from tests.helpers.small_run import SMALL


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Slow(Network):
    """A network with one task, whose picture takes two seconds."""

    def __init__(self, clock: Clock) -> None:
        nn.Module.__init__(self)
        self.clock = clock

    def answers(self, views: Any, teacher: Any = None) -> dict[str, Any]:
        self.clock.now += 2.0
        figure = new_figure(40, 30)
        return {
            "one": SimpleNamespace(
                views=views, task=SimpleNamespace(picture=lambda *_: figure), prediction=0, targets=0
            )
        }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(gallery, "time", clock)
    return clock


def drawn(folder: Path) -> set[str]:
    return {path.name for path in (folder / "pictures").iterdir()}


def make(folder: Path, scans: int, shown: list | None = None) -> Gallery:
    views = ViewBatch(torch.zeros(1, 2, 1, 4, 4, 4), torch.zeros(1, 2, 3), ("a",), (1.0, 1.0, 1.0))
    return Gallery(folder, [views] * scans, lambda *given: (shown if shown is not None else []).append(given))


def draw(pictures: Gallery, clock: Clock, steps: range, every_s: float) -> None:
    for step in steps:
        clock.now += every_s
        pictures.draw(Slow(clock), torch.device("cpu"), step, must=step in (steps[0], steps[-1]))


def test_in_a_long_run_every_scan_is_drawn_at_every_validation(tmp_path: Path, clock: Clock) -> None:
    shown: list[tuple[str, bytes, int]] = []
    draw(make(tmp_path, SCANS + 2, shown), clock, range(100, 400, 100), every_s=3600.0)
    ends = ["_one.png", "_one_scan_2.png", "_one_scan_3.png"]
    assert drawn(tmp_path) == {f"step_000{step}{end}" for step in (100, 200, 300) for end in ends}
    assert [(name, step) for name, _, step in shown[:3]] == [("one", 100), ("one_scan_2", 100), ("one_scan_3", 100)]
    assert shown[0][1] == (tmp_path / "pictures" / "step_000100_one.png").read_bytes()


def test_in_a_short_run_the_first_and_the_last_validation_are_drawn(tmp_path: Path, clock: Clock) -> None:
    draw(make(tmp_path, SCANS), clock, range(100, 600, 100), every_s=1.0)
    assert drawn(tmp_path) >= {"step_000100_one.png", "step_000500_one.png"}
    assert not {name for name in drawn(tmp_path) if re.match(r"step_000[234]00", name)}


def test_drawing_keeps_to_its_share_of_the_time(tmp_path: Path, clock: Clock) -> None:
    pictures = make(tmp_path, SCANS)
    draw(pictures, clock, range(1, 200), every_s=60.0)
    one = 2.0
    assert pictures.seconds <= MOST_SHARE * clock.now + 2 * one  # over it by one picture, and by the last that must be
    assert len(drawn(tmp_path)) > 0.9 * MOST_SHARE * clock.now / one  # and what it may take, it takes


def test_a_run_over_time_finds_what_the_gallery_named(finished: Run) -> None:
    strips = over_time(finished.folder)
    assert set(strips) == {"gap", "route", "similarity"}
    for pictures in strips.values():
        assert [step for step, _ in pictures] == [3, 6]


def test_over_time_keeps_the_scans_of_the_gallery_apart(tmp_path: Path, clock: Clock) -> None:
    draw(make(tmp_path, SCANS), clock, range(100, 600, 100), every_s=3600.0)
    strips = over_time(tmp_path)
    assert list(strips) == ["one", "one, scan 2", "one, scan 3"]
    assert [step for step, _ in strips["one, scan 2"]] == [100, 300, 500]


def test_a_run_can_do_without_pictures(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = pretrain(torsos, tmp_path / "run", store=str(store), **{**SMALL, "steps": 1})
    assert not (run.folder / "pictures").exists() or not drawn(run.folder)
    assert over_time(run.folder) == {}
