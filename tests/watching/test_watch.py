"""The command: what it prints, two at once, and what it refuses."""

import builtins
import re
import urllib.request
from typing import Any

import pytest

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.watching import watch as command
from orienteer.watching.watch import watch
from tests.watching.conftest import GrowingRun


def address_in(text: str) -> str:
    match = re.search(
        r"The page of the run is at (http://127\.0\.0\.1:\d+/\?token=[\w-]{32})\nPress Ctrl-C to stop\.", text
    )
    assert match is not None, text
    return match[1]


def test_two_pages_of_one_run_are_served_until_they_are_interrupted(
    growing: GrowingRun, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    growing.at_step(3)
    pages = []

    def read_page() -> None:
        with urllib.request.urlopen(address_in(capsys.readouterr().out), timeout=30) as page:
            pages.append(page.read())

    def second_then_interrupt() -> None:
        read_page()
        monkeypatch.setattr(command, "_wait", read_page)
        watch(str(growing.folder), open_browser=False)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_wait", second_then_interrupt)
    assert main(["watch", str(growing.folder), "--open-browser", "false"]) == 130
    assert len(pages) == 2
    assert b"<title>orienteer watch</title>" in pages[0]


def test_it_may_start_before_the_run(growing: GrowingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    monkeypatch.setattr(command, "_wait", lambda: None)
    watch(str(growing.folder), open_browser=False)
    assert not growing.folder.exists()


def test_a_folder_that_is_no_run_is_refused(growing: GrowingRun, capsys: pytest.CaptureFixture) -> None:
    (growing.folder / "old").mkdir(parents=True)
    assert main(["watch", str(growing.folder)]) == 2
    assert "run: wanted a run folder" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf'watch: .*got no {missing}\. Do this: pip install "orienteer\[explore\]"'):
        watch("run")
