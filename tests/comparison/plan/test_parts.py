"""Parts: dealt in order, or read from a split file."""

import json
from dataclasses import asdict

import pytest

from orienteer.comparison.plan.parts import Parts, check_part, deal, read_parts
from orienteer.errors import InputError

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
    with pytest.raises(InputError, match="at most the 10 cases of the data set, got 11"):
        deal(NAMES, (5, 3, 3))


def test_a_split_file_names_cases_by_their_last_part(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["case_3", "imagesTr/case_1"], "val": ["case_0"], "test": ["case_9"]}]))
    assert read_parts(path, NAMES) == Parts(("imagesTr/case_3", "imagesTr/case_1"), (NAMES[0],), (NAMES[9],))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "none that can be read"),
        ('{"train": []}', "another form"),
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
