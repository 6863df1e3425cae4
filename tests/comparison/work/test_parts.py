"""Parts: dealt in order, read from a file, and proved to hold no scan twice."""

import json
from dataclasses import asdict

import pytest

from orienteer.comparison.work.parts import (
    Parts,
    check_part,
    deal,
    link_scans,
    read_parts,
    refuse_leak,
    refuse_twins,
)
from orienteer.errors import InputError
from orienteer.labelled.datasets import read_dataset
from tests.helpers.labelled import write_dataset

NAMES = [f"imagesTr/case_{number}" for number in range(10)]


def test_parts_are_consecutive_in_the_order_of_file_names_and_cover_all():
    parts = deal(NAMES[::-1])
    assert [len(names) for names in asdict(parts).values()] == [6, 2, 2]
    assert [name for names in asdict(parts).values() for name in names] == NAMES


def test_counts_are_kept_and_the_rest_is_left_out():
    parts = deal(NAMES, (4, 0, 3))
    assert [len(names) for names in asdict(parts).values()] == [4, 0, 3]
    with pytest.raises(InputError, match="wanted a part with cases, got 'validation', which has none"):
        check_part(parts, "validation")
    check_part(parts, "test")
    with pytest.raises(InputError, match="at most the 10 cases that there are, got 11"):
        deal(NAMES, (5, 3, 3))


def test_a_split_file_names_cases_by_their_last_part(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["case_3", "imagesTr/case_1"], "val": ["case_0"], "test": ["case_9"]}]))
    assert read_parts(path, NAMES) == Parts(("imagesTr/case_3", "imagesTr/case_1"), (NAMES[0],), (NAMES[9],))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "none that can be read"),
        ('{"train": []}', "none that can be read"),
        ('[{"train": ["case_1", "case_77"], "val": []}]', "'case_77', which no case has"),
        ('[{"train": ["case_1", "case_2"], "val": ["case_2"]}]', "'imagesTr/case_2' twice"),
        ('[{"train": ["case_1"], "val": ["case_2"]}]', "got 1 to pretrain on"),
    ],
)
def test_a_split_file_that_cannot_be_is_named(tmp_path, content, words):
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_parts(path, NAMES)


def test_the_same_scan_under_two_names_in_two_parts_is_refused():
    parts = Parts(("a", "b"), ("c",), ())
    refuse_twins(parts, {"a": "1", "b": "1", "c": "2"})
    with pytest.raises(InputError, match="'c' in the validation part, the same scan as 'b' in the pretraining part"):
        refuse_twins(parts, {"a": "1", "b": "2", "c": "2"})


def test_a_run_that_saw_a_kept_scan_or_does_not_say_is_refused(tmp_path):
    parts = Parts(("a", "b"), ("c",), ("d",))
    rows = [{"key": "k", "name": "x", "content": "1"}]
    (tmp_path / "split.json").write_text(json.dumps({"training": rows, "validation": []}))
    refuse_leak(tmp_path, parts, {"a": "1", "b": "2", "c": "3", "d": "4"})
    with pytest.raises(InputError, match="got one that saw 'd'"):
        refuse_leak(tmp_path, parts, {"a": "5", "b": "2", "c": "3", "d": "1"})
    (tmp_path / "silent").mkdir()
    with pytest.raises(InputError, match="does not say what it saw"):
        refuse_leak(tmp_path / "silent", parts, {"c": "3", "d": "1"})


def test_the_folder_of_links_holds_the_asked_scans_and_forgets_others(tmp_path):
    cases = read_dataset(str(write_dataset(tmp_path / "data", 4)), None, None).cases
    links = tmp_path / "links"
    for chosen in (cases[:3], cases[1:2]):
        link_scans(chosen, links)
        found = sorted(path.relative_to(links).as_posix() for path in links.rglob("*.nii.gz"))
        assert found == [case.source.name for case in chosen]
    assert (links / cases[1].source.name).read_bytes() == cases[1].source.files[0].read_bytes()
