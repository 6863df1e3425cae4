"""Checks before training: the split of a resumed run, and test scans that were seen in pretraining."""

import json
import shutil

import pytest

from orienteer.errors import InputError
from orienteer.finetuning.checks import check_overlap, write_same_split
from orienteer.labelled.overlap_contents import pretraining_contents
from orienteer.store.content import file_hash

SPLIT = {"training": ["a", "b"], "test": ["c"]}
CONTENTS = {"a": "1", "b": "2", "c": "3"}


def test_a_resumed_run_keeps_its_split(tmp_path):
    write_same_split(tmp_path, SPLIT, CONTENTS, resume=False)
    write_same_split(tmp_path, SPLIT, CONTENTS, resume=True)
    assert json.loads((tmp_path / "split.json").read_text()) == {**SPLIT, "contents": CONTENTS}
    with pytest.raises(InputError, match="wanted the cases and labels that the fine-tuning began with"):
        write_same_split(tmp_path, {**SPLIT, "test": ["d"]}, CONTENTS, resume=True)
    assert json.loads((tmp_path / "split.json").read_text()) == {**SPLIT, "contents": CONTENTS}


def test_a_resumed_run_knows_another_scan_of_the_same_name(tmp_path):
    write_same_split(tmp_path, SPLIT, CONTENTS, resume=False)
    with pytest.raises(InputError, match="got other files under the same names, first b. Do this: restore the data"):
        write_same_split(tmp_path, SPLIT, {**CONTENTS, "b": "9"}, resume=True)


def test_a_run_of_an_older_version_goes_on(tmp_path):
    (tmp_path / "split.json").write_text(json.dumps(SPLIT))
    write_same_split(tmp_path, SPLIT, CONTENTS, resume=True)
    assert json.loads((tmp_path / "split.json").read_text()) == {**SPLIT, "contents": CONTENTS}


def test_a_new_run_writes_its_split_over_what_a_stopped_launch_left(tmp_path):
    write_same_split(tmp_path, {"training": [], "test": []}, {}, resume=False)
    write_same_split(tmp_path, SPLIT, CONTENTS, resume=False)
    assert json.loads((tmp_path / "split.json").read_text()) == {**SPLIT, "contents": CONTENTS}


def test_scratch_has_seen_nothing():
    assert check_overlap("scratch", {"a": "1"}, {}) == (0, "")


def test_scans_are_recognised_by_content_whatever_their_names(finished, torsos):
    scan = next(torsos.glob("*.nii.gz"))
    seen = next(iter(pretraining_contents(str(finished.folder))))
    assert len(file_hash(scan)) == len(seen)
    count, warning = check_overlap(str(finished.folder), {"renamed": seen, "other": "0"}, {})
    assert count == 1
    assert warning.startswith("WARNING: 1 of 2 test scans were in the pretraining of")
    assert "first renamed" in warning


def test_weights_without_their_run_folder_leave_it_unknown(finished, tmp_path):
    for name in ("encoder.safetensors", "encoder.json"):
        shutil.copy(finished.folder / name, tmp_path)
    count, warning = check_overlap(str(tmp_path / "encoder.safetensors"), {"a": "1"}, {})
    assert count is None
    assert warning.startswith("note:")
