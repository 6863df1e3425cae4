"""The command: its arguments, what it prints, and what it says when something is missing."""

import builtins
import re
import time
import urllib.request
import webbrowser
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


def test_the_token_is_in_no_argument_of_a_process(
    small_run: Path,
    new_scans: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A browser that notes its arguments and reads the page it is given, as a real one would."""
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nf=$(printf %s "$1" | sed \'s,^file://,,\')\ncat "$f" > {tmp_path}/page\n'
        f'ls -ld "$f" "$(dirname "$f")" > {tmp_path}/modes\nprintf %s "$*" > {tmp_path}/whole\n'
        f"mv {tmp_path}/whole {tmp_path}/arguments\n"
    )
    browser.chmod(0o755)
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    monkeypatch.setattr(webbrowser, "_browsers", {})
    webbrowser.register("noted", None, webbrowser.GenericBrowser([str(browser), "%s"]), preferred=True)

    def interrupt() -> None:
        ends = time.monotonic() + 30
        while not (tmp_path / "arguments").exists() and time.monotonic() < ends:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        explore(str(small_run), str(new_scans[0]), device="cpu")
    (token,) = re.findall(r"token=([\w-]{32})", capsys.readouterr().out)
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.startswith("file://")
    assert token not in arguments
    assert f"?token={token}" in (tmp_path / "page").read_text()
    assert [line[:10] for line in (tmp_path / "modes").read_text().splitlines()] == ["drwx------", "-rw-------"]
    assert not Path(arguments.removeprefix("file://")).parent.exists()


@pytest.mark.parametrize("scans", [(), ("a", "b", "c")])
def test_one_scan_or_two(scans: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"scan: wanted one scan, or two to compare, got {len(scans)}"):
        explore("run", scans)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted a run folder"):
        explore(str(tmp_path), "scan.nii.gz", open_browser=False)


def test_a_missing_scan_is_named_before_anything_is_served(small_run: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    with pytest.raises(InputError, match=r"got nothing\.nii\.gz, which does not exist\. Do this: check the path"):
        explore(str(small_run), "nothing.nii.gz", open_browser=False)
    assert capsys.readouterr().out == ""


def test_a_scan_that_cannot_be_read_ends_the_command_and_is_told_to_the_page(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    (tmp_path / "broken.nii.gz").write_bytes(b"no scan")
    seen = {}

    def last_chance() -> None:
        address = re.search(r"(http://127\.0\.0\.1:\d+/)\?(token=[\w-]{32})", capsys.readouterr().out)
        assert address is not None
        with urllib.request.urlopen(f"{address[1]}api/status?{address[2]}", timeout=30) as status:
            seen["status"] = status.read().decode()

    monkeypatch.setattr(command, "_let_page_ask", last_chance)
    with pytest.raises(InputError, match=r"broken\.nii\.gz"):
        explore(str(small_run), str(tmp_path / "broken.nii.gz"), open_browser=False, device="cpu")
    assert "broken.nii.gz" in seen["status"]


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
