"""A page that cannot be started stops no training, and none is started that was not asked for."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from orienteer.errors import InputError
from orienteer.pretraining import page_beside as module
from orienteer.pretraining import pretrain as command
from orienteer.pretraining.page_beside import MODULE, page_beside
from orienteer.pretraining.pretrain import pretrain
from tests.helpers.small_run import SMALL


def test_a_page_that_cannot_be_started_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", fails)
    trained = False
    with page_beside(tmp_path, wanted=True):
        trained = True
    assert trained
    assert "cannot be started (Cannot allocate memory); the training continues" in capsys.readouterr().err


def test_a_training_that_fails_ends_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Page:
        def __init__(self, command: list[str], stdin: int) -> None:
            self.stdin = open(tmp_path / "pipe", "wb")  # noqa: SIM115
            started.append((command, self))

    monkeypatch.setattr(module.subprocess, "Popen", Page)
    with pytest.raises(RuntimeError, match="spoiled"), page_beside(tmp_path, wanted=True):
        raise RuntimeError("spoiled")
    ((words, page),) = started
    assert words[-2:] == [MODULE, str(tmp_path)]
    assert page.stdin.closed
    with page_beside(tmp_path, wanted=False):
        pass
    assert len(started) == 1


def test_pretrain_opens_the_page_of_its_run_and_does_not_record_it(
    torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def noted(folder: Path, wanted: bool) -> Any:
        asked.append((folder, wanted, (folder / "config.yaml").read_text()))
        return page_beside(folder, wanted=False)

    monkeypatch.setattr(command, "page_beside", noted)
    pretrain(torsos, tmp_path / "run", store=str(store), **{**SMALL, "steps": 1, "watch": True})
    ((folder, wanted, config),) = asked
    assert (folder, wanted) == (tmp_path / "run", True)
    assert "watch: false" in config  # the same run, not the same call


def test_without_the_extra_nothing_is_trained(torsos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(what: str, packages: Any, extra: str) -> None:
        raise InputError(what, wanted=" and ".join(packages), got="none", do=f"pip install orienteer[{extra}]")

    monkeypatch.setattr(command, "require_packages", missing)
    with pytest.raises(InputError, match=r"watch: wanted fastapi and uvicorn, .*orienteer\[explore\]"):
        pretrain(torsos, tmp_path / "run", **{**SMALL, "watch": True})
    assert not (tmp_path / "run").exists()
