"""split.json: written, read, damaged; and whether the scans of a run are still in its store."""

import json
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.run import Run
from orienteer.runs.run_config import read_config
from orienteer.runs.split import check_prepared, read_patients, read_split, read_split_contents, write_split
from orienteer.store.store import Store


def test_the_split_is_read_as_written(tmp_path: Path) -> None:
    training, validation = {"k1": "a.nii.gz", "k2": "b.nii.gz"}, {"k3": "c.nii.gz"}
    write_split(tmp_path, training, validation, {"k1": "hash 1", "k3": "hash 3"})
    assert read_split(tmp_path) == (training, validation)
    rows = json.loads((tmp_path / "split.json").read_text())
    assert rows["training"][0] == {"key": "k1", "name": "a.nii.gz", "content": "hash 1"}
    assert "content" not in rows["training"][1]
    assert read_split_contents(tmp_path) == {"k1": "hash 1", "k2": None, "k3": "hash 3"}


@pytest.mark.parametrize("text", [None, "{", "{}", '{"training": [], "validation": [{"name": "a"}]}'])
def test_a_split_that_cannot_be_read_is_named(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError, match=r"split\.json: wanted .*Do this: restore it"):
        read_split(tmp_path)


def test_scans_that_are_gone_from_the_store_are_named(finished: Run, store: Path) -> None:
    training, validation = read_split(finished.folder)
    preparation = read_config(finished.folder).preparation
    with Store.open(store) as opened:
        check_prepared(opened, {**training, **validation}.items(), preparation)
        with pytest.raises(InputError, match=r"the 2 prepared scans of this run, got 1 missing, first gone\.nii\.gz"):
            check_prepared(opened, [next(iter(training.items())), ("no such key", "gone.nii.gz")], preparation)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"training": [{"key": "a", "name": "a"}], "validation": []}', "at least one scan under `validation`"),
        ('{"training": [{"key": "a", "name": "x"}], "validation": [{"key": "a", "name": "x"}]}', "got x in both"),
        ('{"training": [{"key": "a", "name": 3}], "validation": []}', "training, item 1, name in .*wanted text, got 3"),
    ],
)
def test_a_split_that_says_nothing_useful_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_split(tmp_path)


def test_patients_come_back_as_numbers(tmp_path: Path) -> None:
    training, validation = {"k1": "a.nii.gz", "k2": "b.nii.gz"}, {"k3": "c.nii.gz"}
    write_split(tmp_path, training, validation, patients={"k1": "P7", "k3": "P9"})
    assert read_patients(tmp_path) == {"k1": 1, "k3": 2}
