"""Scans that were prepared beforehand are not prepared again by a run with the same settings."""

from pathlib import Path

import pytest

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.pretraining.prepare import prepare
from orienteer.pretraining.pretrain import pretrain
from tests.helpers.small_run import SMALL


def test_a_run_reuses_what_was_prepared_with_the_same_choices(
    torsos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = prepare(torsos, tmp_path / "store", encoder="tiny", accelerator="cpu", workers=0)
    assert (report.prepared, report.failures) == (6, ())
    settings = {**SMALL, "store": str(tmp_path / "store"), "steps": 2, "validate_every": 2}
    pretrain(torsos, tmp_path / "run", **settings)
    assert "(0 prepared now, 6 reused)" in capsys.readouterr().err


def test_the_command_prints_the_report(torsos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "prepare",
        str(torsos),
        "--store",
        str(tmp_path / "store"),
        "--workers",
        "0",
        "--spacing-mm",
        "12",
        "12",
        "12",
    ]
    assert main(words) == 0
    assert f"6 scans ready in {tmp_path / 'store'} (6 prepared now, 0 reused)" in capsys.readouterr().out
    assert main([*words[:-3], "16", "16", "16"]) == 0  # another spacing in the same store
    assert "6 prepared now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"), [({}, "scans: wanted a folder of scans"), ({"scans": "x"}, "store: wanted")]
)
def test_a_folder_that_is_not_named_is_asked_for(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(**given)  # type: ignore[arg-type]


def test_an_unknown_setting_is_refused(torsos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean spacing_mm"):
        prepare(torsos, tmp_path / "store", spacing=2.0)  # type: ignore[call-arg]
    assert not (tmp_path / "store").exists()
