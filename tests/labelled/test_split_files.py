"""Names in a split file stand for one case each; files of another form are refused."""

import json
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.labelled.split_files import CaseNames, read_split_entries


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("x", "x"),  # a full name goes before the last part of another one
        ("sub/x", "sub/x"),
        ("y", "sub/y"),
        ("y.nii.gz", "sub/y"),
        ("x_0000.nii.gz", "x"),
    ],
)
def test_a_name_stands_for_one_case(name: str, case: str) -> None:
    assert CaseNames("split.json", ["x", "sub/x", "sub/y"]).case(name) == case


def test_names_of_no_case_and_of_two_are_refused() -> None:
    names = CaseNames("split.json", ["a/x", "b/x"])
    with pytest.raises(InputError, match="'z', which no case has"):
        names.case("z")
    with pytest.raises(InputError, match="'x', which 2 cases have, 'a/x' and 'b/x' among them"):
        names.case("x")


def test_one_table_does_for_a_list_and_a_list_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": ["a"], "val": [], "more": 1}))
    assert read_split_entries(path, ("train", "val", "test"), ("test",)) == [{"train": ["a"], "val": [], "test": []}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "an empty list"),
        ("3", "another form"),
        ('[{"train": ["a"]}]', "another form"),
        ('[{"train": "abc", "val": []}]', "another form"),
        ('[{"train": [1], "val": []}]', "another form"),
        ('[{"train": ["a",], "val": []}]', "a comma before the closing bracket, line 1"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(InputError, match=words):
        read_split_entries(tmp_path / "split.json", ("train", "val"))
