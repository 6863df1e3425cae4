"""The command: its arguments, what it prints, and what it says when something is missing."""

import builtins
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orienteer.arguments import Command, parse
from orienteer.errors import InputError
from orienteer.explorer import explore as command
from orienteer.explorer.explore import explore


def test_it_serves_until_it_is_interrupted(
    small_run: Path, new_scans: list[Path], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    seen = {}

    def interrupt() -> None:
        printed = capsys.readouterr().out
        seen["address"] = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", printed)[0]  # type: ignore[index]
        with urllib.request.urlopen(seen["address"], timeout=30) as page:
            seen["page"] = page.read()
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        explore(str(small_run), str(new_scans[0]), open_browser=False, device="cpu")
    assert b"orienteer explore" in seen["page"]


@pytest.mark.parametrize("scans", [(), ("a", "b", "c")])
def test_one_scan_or_two(scans: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"scan: wanted one scan, or two to compare, got {len(scans)}"):
        explore("run", scans)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted a run folder"):
        explore(str(tmp_path), "scan.nii.gz", open_browser=False)


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf'got no {missing}\. Do this: pip install "orienteer\[explore\]"'):
        explore("run", "scan.nii.gz")


def test_on_the_command_line_scan_may_be_given_twice() -> None:
    commands = {"explore": Command("orienteer.explorer.explore:explore", positional="run")}
    words = [
        "explore",
        "runs/ct",
        "--scan",
        "a.nii.gz",
        "--scan",
        "b.nii.gz",
        "--port",
        "8000",
        "--open-browser",
        "false",
    ]
    _, given = parse("orienteer", "about", commands, words)
    assert given["run"] == "runs/ct"
    assert tuple(given["scan"]) == ("a.nii.gz", "b.nii.gz")
    assert (given["port"], given["open_browser"]) == (8000, False)
    _, given = parse("orienteer", "about", commands, ["explore", "runs/ct", "--scan", "a.mha"])
    assert tuple(given["scan"]) == ("a.mha",)
