"""The demo ends with a report, which opens only where a person sees it, and says what was learned and what to do next."""

import io
import re
import sys
import webbrowser
from pathlib import Path

import pytest

from orienteer.report import demo as module
from orienteer.report.demo import DEMO_VALIDATIONS, can_open, demo
from orienteer.runs.plateau import LEAST_VALIDATIONS
from orienteer.runs.run import Run

SMALL = {"subjects": 4, "steps": 2, "batch": 2, "workers": 0, "prepare_workers": 0, "pictures": False}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_it_ends_with_a_report(tmp_path: Path, opened: list[str], monkeypatch, capsys) -> None:
    run = demo(tmp_path / "demo", **SMALL)
    report = run.folder / "report.html"
    last = capsys.readouterr().err.strip().splitlines()[-3:]
    assert last[-1] == f"the report is in {report}"
    assert re.match("(Perhaps learned|Not better than its baseline)", last[0])
    assert last[1].startswith("Next: ")
    assert opened == []  # the output of a test is no terminal
    assert "Scan by scan" in report.read_text()
    report.unlink()
    demo(tmp_path / "demo", report=False)
    assert not report.exists()
    monkeypatch.setattr(module, "can_open", lambda: True)
    demo(tmp_path / "demo")
    assert opened == [report.resolve().as_uri()]


def test_its_own_settings_are_in_the_config_unless_others_are_named(monkeypatch, tmp_path: Path) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr(module, "write_phantoms", lambda *_, **__: [])
    monkeypatch.setattr(module, "pretrain", lambda *_, **settings: given.append(settings) or Run(tmp_path, {}))
    demo(tmp_path / "demo", steps=500, report=False)
    demo(tmp_path / "other", steps=500, validate_every=100, encoder="dynunet", report=False)
    names = ("encoder", "validate_every")
    assert [tuple(each[name] for name in names) for each in given] == [("tiny", 84), ("dynunet", 100)]
    assert -(-500 // 84) == DEMO_VALIDATIONS == LEAST_VALIDATIONS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("platform", "variables", "opens"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_a_page_opens_on_a_terminal_with_a_display(monkeypatch, platform, variables, opens) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert can_open() == opens
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not can_open()
