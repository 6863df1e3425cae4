"""Trackers get what metrics.jsonl has, write into the run folder alone, and never stop a run."""

import json
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs import trackers as module
from orienteer.runs.config import PretrainConfig
from orienteer.runs.trackers import NUMBERS_FILE, PRIVATE, TRACKERS, check_trackers, open_trackers, tracking
from tests.helpers.run_files import lines
from tests.helpers.small_run import SMALL

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
SETTINGS = {"steps": 3, "tasks": {"gap": {"weight": 0.5}}, "scans": "/data/Mueller_Anna", "store": "/data/store"}


class Noted:
    """A tracker that keeps what it gets, and may fail."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], number: str | None) -> None:
        self.got: list[Any] = [(name, dict(settings))]
        self.number, self.fails = number or "n1", False

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        if self.fails:
            raise ConnectionError("no route to host\nand more")
        self.got.append((step, dict(metrics)))

    def picture(self, name: str, png: bytes, step: int) -> None:
        self.got.append((step, name))

    def close(self, failed: bool) -> None:
        self.got.append("failed" if failed else "closed")


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Noted]:
    """A stand-in for W&B; the trackers that were opened."""
    made: list[Noted] = []

    def make(*given: Any) -> Noted:
        made.append(Noted(*given))
        return made[-1]

    kind = module._Kind(("json",), lambda folder: {"ORIENTEER_TEST_PLACE": str(folder)}, make, "log in")
    monkeypatch.setitem(TRACKERS, "wandb", kind)
    monkeypatch.delenv("ORIENTEER_TEST_PLACE", raising=False)
    return made


def test_without_a_name_nothing_is_opened_or_written(tmp_path: Path) -> None:
    with tracking((), tmp_path, SETTINGS) as trackers:
        trackers.log("train", 1, {"loss": 1.0})
        trackers.picture("gap", PNG, 1)
    assert list(tmp_path.iterdir()) == []
    check_trackers(())


def test_a_tracker_gets_metrics_pictures_and_the_settings_that_name_no_place(
    noted: list[Noted], tmp_path: Path
) -> None:
    with tracking(["wandb", "wandb"], tmp_path / "run", SETTINGS) as trackers:
        assert os.environ["ORIENTEER_TEST_PLACE"] == str(tmp_path / "run")
        trackers.log("heldout", 2, {"gap_error_mm": 3.0})
        trackers.picture("gap", PNG, 2)
    ((first, *rest),) = (tracker.got for tracker in noted)
    assert first == ("run", {"steps": 3, "tasks": {"gap": {"weight": 0.5}}})
    assert rest == [(2, {"heldout/gap_error_mm": 3.0}), (2, "gap"), "closed"]
    assert "ORIENTEER_TEST_PLACE" not in os.environ
    assert json.loads((tmp_path / "run" / NUMBERS_FILE).read_text()) == {"wandb": "n1"}


def test_what_the_user_has_set_stays(noted: list[Noted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIENTEER_TEST_PLACE", "mine")
    with tracking(["wandb"], tmp_path, {}):
        assert os.environ["ORIENTEER_TEST_PLACE"] == "mine"
    assert os.environ["ORIENTEER_TEST_PLACE"] == "mine"


def test_a_resumed_run_goes_on_under_its_number(noted: list[Noted], tmp_path: Path) -> None:
    (tmp_path / NUMBERS_FILE).write_text('{"wandb": "n7", "mlflow": "m1"}')
    open_trackers(["wandb"], tmp_path, {}).close()
    assert noted[0].number == "n7"
    assert json.loads((tmp_path / NUMBERS_FILE).read_text()) == {"wandb": "n7", "mlflow": "m1"}


def test_one_that_fails_is_dropped_and_the_run_goes_on(
    noted: list[Noted], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with tracking(["wandb"], tmp_path, {}) as trackers:
        noted[0].fails = True
        trackers.log("train", 1, {"loss": 1.0})
        trackers.log("train", 2, {"loss": 1.0})
    assert capsys.readouterr().err == "the tracker wandb failed (no route to host); the run continues without it\n"
    assert len(noted[0].got) == 1


def test_a_training_that_stops_is_marked(noted: list[Noted], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), tracking(["wandb"], tmp_path, {}):
        raise KeyboardInterrupt
    assert noted[0].got[-1] == "failed"


def test_one_that_cannot_be_opened_is_named(
    noted: list[Noted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> Noted:
        raise RuntimeError("No API key configured.")

    monkeypatch.setitem(TRACKERS, "mlflow", module._Kind((), lambda folder: {}, refuses, "log in"))
    with pytest.raises(
        InputError, match=r"logger mlflow: wanted a tracker that can be opened, got No API key configured\. Do"
    ):
        open_trackers(["wandb", "mlflow"], tmp_path, {})
    assert noted[0].got[-1] == "failed"
    assert "ORIENTEER_TEST_PLACE" not in os.environ


@pytest.mark.parametrize("name", list(TRACKERS))
def test_a_missing_package_is_named_before_any_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(wanted: str, *rest: Any) -> Any:
        if wanted == name:
            raise ImportError(f"No module named {wanted!r}", name=wanted)
        return real(wanted, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    message = rf'logger {name}: wanted the package {name}, got no {name}\. Do this: pip install "orienteer\[{name}\]"'
    with pytest.raises(InputError, match=message):
        check_trackers([name])


HARMLESS = {
    *("modality", "layout", "precision", "accelerator", "logger", "method", "tasks", "encoder", "encoder_arguments"),
    *("continue_schedule", "distortion", "augmentation", "task", "mirror", "schedule", "output_layer"),
}
"""Settings of words and tables that name no place of a machine and no scan."""


def test_every_setting_of_words_is_kept_back_or_known_to_be_harmless() -> None:
    """So that a new setting is looked at before a tracker gets it."""
    hints = {**get_type_hints(PretrainConfig), **get_type_hints(FinetuneConfig)}
    words = {name for name, kind in hints.items() if re.search("str|Any|Path|Literal|Augmentation", str(kind))}
    assert words - HARMLESS == PRIVATE & words
    assert words >= HARMLESS
    assert hints.keys() >= PRIVATE


# What follows uses the real packages, offline.


@pytest.fixture
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home folder, no settings of trackers, and no server."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"
    left = {name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))}
    assert left <= {"WANDB_MODE", "WANDB_BASE_URL"}  # which the tests set


def wandb_records(folder: Path) -> list[Any]:
    """The records of an offline run: a log of LevelDB (blocks of 32 KiB, parts with 7 bytes of head) that holds protobufs."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    content, records, part = file.read_bytes(), [], b""
    at = 7  # after the head of the file
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        part += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            records.append(Record.FromString(part))
            part = b""
    return records


def mlflow_metric(folder: Path, key: str) -> list[tuple[int, float]]:
    (file,) = (folder / "mlruns").glob(f"*/*/metrics/{key}")
    return [(int(step), float(value)) for _, value, step in (line.split() for line in file.read_text().splitlines())]


@pytest.mark.slow
def test_a_pretraining_logs_to_mlflow_what_its_metrics_hold_and_writes_nowhere_else(
    torsos: Path, store: Path, tmp_path: Path, bare_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from orienteer.pretraining.pretrain import pretrain

    monkeypatch.chdir(tmp_path)
    settings = {**SMALL, "steps": 2, "validate_every": 1, "log_every": 1, "pictures": True, "logger": ["mlflow"]}
    run = pretrain(torsos, tmp_path / "run", store=str(store), **settings)
    logged = mlflow_metric(run.folder, "heldout/gap_error_mm")
    assert logged == [(row["step"], pytest.approx(row["gap_error_mm"])) for row in lines(run.folder, "heldout")]
    assert [step for step, _ in mlflow_metric(run.folder, "train/loss")] == [1, 2]
    (one,) = (run.folder / "mlruns").glob("*/*/params")
    assert (one / "steps").read_text() == "2"
    assert (one / "encoder").read_text() == "tiny"
    assert not {path.name for path in one.iterdir()} & PRIVATE
    assert (one.parent / "artifacts" / "pictures" / "step_000001_gap.png").is_file()
    assert "status: 3" in (one.parent / "meta.yaml").read_text()  # finished
    assert {path.name for path in tmp_path.iterdir()} == {"run", "home"}
    assert [path for path in bare_home.rglob("*") if "matplotlib" not in str(path) and path.is_file()] == []
    assert "logger:\n- mlflow\n" in (run.folder / "config.yaml").read_text()


@pytest.mark.slow
def test_a_run_of_mlflow_is_continued(tmp_path: Path, bare_home: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    for step in (1, 2):
        with tracking(["mlflow"], tmp_path / "run", {"steps": 2}) as trackers:
            trackers.log("train", step, {"loss": 1.0 / step, "odd": math.nan})
    assert mlflow_metric(tmp_path / "run", "train/loss") == [(1, 1.0), (2, 0.5)]
    with pytest.raises(RuntimeError, match="stops"), tracking(["mlflow"], tmp_path / "other", {}):
        raise RuntimeError("stops")
    (meta,) = (tmp_path / "other" / "mlruns").glob("*/*/meta.yaml")
    assert "status: 4" in meta.read_text()  # failed


@pytest.mark.slow
def test_weights_and_biases_logs_offline_into_the_run_folder(tmp_path: Path, bare_home: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    folder = tmp_path / "run"
    folder.mkdir()
    with tracking(["wandb"], folder, SETTINGS) as trackers:
        trackers.log("heldout", 2, {"gap_error_mm": 3.5})
        trackers.picture("gap", PNG, 2)
    records = wandb_records(folder)
    history = [
        {"/".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    assert history[0]["heldout/gap_error_mm"] == "3.5"
    assert history[0]["trainer/global_step"] == "2"
    updates = [update for record in records if record.HasField("config") for update in record.config.update]
    config = {update.key: update.value_json for update in updates}
    assert config["steps"] == "3"
    assert not {*config} & PRIVATE
    assert len(list((folder / "wandb").rglob("gap_*.png"))) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run", "home"}
    assert [path for path in bare_home.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_weights_and_biases_without_a_login_says_what_to_do(
    tmp_path: Path, bare_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nothing is asked there without a key
    with pytest.raises(InputError, match=r"logger wandb: .*Do this: `wandb login`, or set WANDB_MODE=offline"):
        open_trackers(["wandb"], tmp_path, {})
