"""A run trains its header reader after the encoder, on its own scans, and loads it again."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.headers.reader import READER_FILE, read_reader
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.loaded import load_run
from tests.helpers.small_run import SMALL


def test_a_run_has_a_reader_that_has_seen_every_scan(torsos: Path, store: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "steps": 2, "header_steps": 600}
    run = pretrain(torsos, tmp_path / "run", store=str(store), **settings)
    loaded = load_run(run.folder, device="cpu")
    assert loaded.reader is not None
    assert set(loaded.reader.own) == {*loaded.training, *loaded.validation}
    assert len(loaded.reader.parts) == 3
    (tmp_path / "other").mkdir()
    content = (run.folder / READER_FILE).read_text()
    key = next(iter(loaded.training))
    (run.folder / READER_FILE).write_text(content.replace(key, "another"))
    with pytest.raises(InputError, match=r"header_reader\..*wanted"):
        load_run(run.folder, device="cpu")


def test_with_no_steps_there_is_none(finished) -> None:
    assert read_reader(finished.folder) is None
    assert load_run(finished.folder, device="cpu").reader is None
