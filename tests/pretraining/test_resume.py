"""Runs that were killed at their end, damaged afterwards or moved: the next `--resume` heals it, or says what lacks."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from orienteer.errors import InputError
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.error_bars_file import ERROR_BARS_FILE
from orienteer.runs.loaded import load_run
from orienteer.runs.run import Run
from orienteer.store.store import array_path
from tests.helpers.small_run import SMALL

RESULTS = ("summary.json", "encoder.json", "encoder.safetensors", "MODEL_CARD.md")
PLAIN = {**SMALL, "pictures": False}


@pytest.fixture
def copied(finished: Run, tmp_path: Path) -> Path:
    """A copy of a finished run that shares its store."""
    shutil.copytree(finished.folder, tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard", "pictures"))
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text()) | {"pictures": False}
    (tmp_path / "run/config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path / "run"


def assert_same_results(folder: Path, finished: Run) -> None:
    for name in ("encoder.safetensors", "encoder.json", "MODEL_CARD.md"):
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name
    assert json.loads((folder / "summary.json").read_text())["heldout"] == finished.summary["heldout"]


@pytest.mark.parametrize("written", range(len(RESULTS)))
def test_a_run_that_was_killed_after_its_last_checkpoint_is_finished(
    written: int, copied: Path, finished: Run, torsos: Path
) -> None:
    for name in RESULTS[: len(RESULTS) - written]:
        (copied / name).unlink()
    pretrain(torsos, copied, resume=True, **PLAIN)  # the original command
    assert_same_results(copied, finished)


@pytest.mark.parametrize(
    ("name", "content"),
    [("summary.json", b"{"), ("summary.json", b'{"heldout": {"loss": "x"}, "scans": {}, "steps": 6}'),
     ("encoder.safetensors", b"cut"), ("encoder.json", b"[]")],
)  # fmt: skip
def test_damaged_results_of_a_finished_run_are_written_again(
    name: str, content: bytes, copied: Path, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / name).write_bytes(content)
    pretrain(out=copied, resume=True)
    assert "written again from the last checkpoint" in capsys.readouterr().err
    assert_same_results(copied, finished)


@pytest.mark.parametrize("content", [None, b"{", b'{"gap": {"scans": 1}}', b"{}"])
def test_error_bars_that_were_lost_or_damaged_are_calibrated_again(
    content: bytes | None, copied: Path, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "MODEL_CARD.md").write_text("edited")
    (copied / ERROR_BARS_FILE).unlink()
    if content is not None:
        (copied / ERROR_BARS_FILE).write_bytes(content)
    pretrain(out=copied, resume=True)
    assert "is already finished" in capsys.readouterr().err
    assert (copied / ERROR_BARS_FILE).read_bytes() == (finished.folder / ERROR_BARS_FILE).read_bytes()
    assert (copied / "MODEL_CARD.md").read_text() == "edited"


def test_lost_error_bars_of_a_finished_run_need_its_scans(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run is finished all the same; its folder and store were moved apart."""
    (copied / ERROR_BARS_FILE).unlink()
    config = yaml.safe_load((copied / "config.yaml").read_text()) | {"store": str(copied / "gone"), "scans": None}
    (copied / "config.yaml").write_text(yaml.safe_dump(config))
    assert pretrain(out=copied, resume=True).summary["steps"] == 6
    words = capsys.readouterr().err
    assert "The error bars are not written again." in words
    assert "is already finished" in words
    assert not (copied / ERROR_BARS_FILE).exists()


def test_calibrating_error_bars_shows_its_progress(
    finished: Run, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("orienteer.progress.SECONDS_BETWEEN_LINES", 0.0)
    (copied / ERROR_BARS_FILE).unlink()
    pretrain(out=copied, resume=True)
    assert re.search(r"calibrating error bars: 1/\d+ batches", capsys.readouterr().err)


def test_the_original_command_resumes_whatever_was_chosen_for_it(copied: Path, torsos: Path) -> None:
    assert yaml.safe_load((copied / "config.yaml").read_text())["encoder_arguments"] == PLAIN["encoder_arguments"]
    fewer = {
        **PLAIN,
        "encoder_arguments": {"filters": [4, 8, 8, 8]},
        "encoder": "auto",
    }  # as if the rest had been chosen
    pretrain(torsos, copied, resume=True, **fewer)
    with pytest.raises(InputError, match="encoder_arguments: wanted .*the value that the run started with"):
        pretrain(torsos, copied, resume=True, **{**PLAIN, "encoder_arguments": {"filters": [4, 8, 8, 9]}})


def unfinished(folder: Path) -> None:
    for name in RESULTS:
        (folder / name).unlink()


def test_run_store_and_scans_are_moved(copied: Path, finished: Run, torsos: Path, tmp_path: Path) -> None:
    unfinished(copied)
    renamed = tmp_path / "elsewhere"
    renamed.mkdir()
    for number, scan in enumerate(sorted(torsos.glob("*.nii.gz"))):
        shutil.copy(scan, renamed / f"other_name_{number}.nii.gz")
    pretrain(renamed, copied, resume=True, store=str(tmp_path / "new store"))
    assert_same_results(copied, finished)
    config = yaml.safe_load((copied / "config.yaml").read_text())
    assert (config["scans"], config["store"]) == (str(renamed), str(tmp_path / "new store"))
    with load_run(copied, device="cpu").open_store() as store:
        assert store.folder == tmp_path / "new store"


def test_a_store_beside_the_run_takes_the_place_of_one_that_is_gone(copied: Path, store: Path) -> None:
    config = yaml.safe_load((copied / "config.yaml").read_text()) | {"scans": "/gone/scans", "store": "/gone/store"}
    (copied / "config.yaml").write_text(yaml.safe_dump(config))
    shutil.copytree(store, copied.parent / "store")
    with load_run(copied, device="cpu").open_store() as opened:
        assert opened.folder == copied.parent / "store"
    pretrain(out=copied, resume=True)
    assert yaml.safe_load((copied / "config.yaml").read_text())["store"] == str(copied.parent / "store")


def test_other_scans_are_refused_by_name(copied: Path, torsos: Path, tmp_path: Path) -> None:
    unfinished(copied)
    others = tmp_path / "others"
    shutil.copytree(torsos, others, ignore=shutil.ignore_patterns("labels"))
    first, second, *_ = sorted(others.glob("*.nii.gz"))
    shutil.copy(second, first)
    with pytest.raises(InputError, match=f"lacks 1, first {first.name}, where another scan has its name"):
        pretrain(others, copied, resume=True)


def test_damaged_arrays_are_prepared_again(copied: Path, finished: Run, store: Path) -> None:
    unfinished(copied)
    shutil.copytree(store, copied.parent / "store")
    key = sorted(load_run(finished.folder, device="cpu").training)[0]
    path = array_path(copied.parent / "store", key)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    pretrain(out=copied, resume=True, store=str(copied.parent / "store"))
    assert path.read_bytes() == whole
    assert_same_results(copied, finished)


def test_a_store_that_is_gone_with_its_scans_is_named(copied: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((copied / "config.yaml").read_text())
    (copied / "config.yaml").write_text(yaml.safe_dump(config | {"scans": "/gone", "store": "/gone/store"}))
    unfinished(copied)
    with pytest.raises(InputError, match="/gone/store: wanted a store of prepared scans"):
        pretrain(out=copied, resume=True)


def test_the_checkpoint_of_another_run_is_refused(copied: Path, torsos: Path, store: Path, tmp_path: Path) -> None:
    other = pretrain(torsos, tmp_path / "other", store=str(store), **{**PLAIN, "seed": 1})
    shutil.copy(other.folder / "checkpoints/last.ckpt", copied / "checkpoints/last.ckpt")
    unfinished(copied)
    with pytest.raises(InputError, match=r"last\.ckpt: wanted a checkpoint of this run.*got one of another run"):
        pretrain(out=copied, resume=True)
