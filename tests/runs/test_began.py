"""start.json: what a run began with; written, read, and absent where it began with new weights."""

import json
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.began import Began, origins_of_weights, read_began, scans_seen_before, write_began
from orienteer.runs.card import read_card
from tests.helpers.run_settings import run_config
from tests.helpers.saved_runs import SaveRun


def test_it_is_read_as_written_without_the_report(tmp_path: Path) -> None:
    began = Began([{"steps": 4}], steps=4, checkpoint_sha256="ab", report={"words": ["goes on"]})
    write_began(tmp_path, began)
    assert read_began(tmp_path) == Began([{"steps": 4}], 4, "ab")
    assert json.loads((tmp_path / "start.json").read_text())["report"] == {"words": ["goes on"]}


def test_new_weights_leave_nothing(tmp_path: Path) -> None:
    write_began(tmp_path, Began())
    assert list(tmp_path.iterdir()) == []
    assert read_began(tmp_path) == Began()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "start.json").write_text('{"origins": [3]}')
    with pytest.raises(InputError, match=r"origins, item 1 in .*start.json"):
        read_began(tmp_path)


def test_origins_are_passed_on_from_run_to_run(save_run: SaveRun) -> None:
    run = save_run("tiny", filters=[4, 8, 8])
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "started_from": [{"file": "a.pt", "origin": "anatomix"}]}))
    first, second = origins_of_weights(str(run), None)
    assert first == {key: read_card(run)[key] for key in ("data_fingerprint", "method", "steps")}
    assert second == {"file": "a.pt", "origin": "anatomix"}


def test_scans_of_weights_without_their_run_folder_are_not_known(save_run: SaveRun) -> None:
    run = save_run("tiny", filters=[4, 8, 8])
    assert scans_seen_before(run_config(weights=str(run))) == []
    assert scans_seen_before(run_config(weights="hf://user/name")) == []
    assert scans_seen_before(run_config()) == []
