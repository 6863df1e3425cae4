"""Folds, fractions and limits of cases, and split files."""

import json
from itertools import pairwise

import pytest

from orienteer.errors import InputError
from orienteer.labelled.split import draw_cases, limit_cases, split_cases


def test_the_folds_deal_every_case_once():
    names = [f"case_{number:02}" for number in range(23)]
    tests = [split_cases(names, folds=5, fold=fold)[1] for fold in range(5)]
    assert sorted(name for test in tests for name in test) == names
    assert {len(test) for test in tests} == {4, 5}
    for fold, test in enumerate(tests):
        assert sorted(split_cases(names, 5, fold)[0] + test) == names


def test_the_folds_follow_file_names_not_folders():
    assert split_cases(["b/1", "a/2"], folds=2, fold=0)[1] == ["b/1"]


def test_one_fold_trains_on_everything():
    assert split_cases(["a", "b"], folds=1, fold=0) == (["a", "b"], [])


def test_a_fraction_is_part_of_a_larger_one_and_the_test_cases_stay():
    names = [f"case_{number:02}" for number in range(20)]
    parts = [split_cases(names, 5, 1, fraction, seed=3) for fraction in (0.1, 0.25, 0.5, 1.0)]
    assert [len(training) for training, _ in parts] == [2, 4, 8, 16]
    for (small, _), (large, _) in pairwise(parts):
        assert set(small) < set(large)
    assert len({tuple(test) for _, test in parts}) == 1
    assert split_cases(names, 5, 1, 0.25, seed=4)[0] != parts[1][0]


def test_more_folds_than_cases_are_refused():
    with pytest.raises(InputError, match="at most as many as there are cases, 2, got 5"):
        split_cases(["a", "b"], folds=5, fold=0)


def test_a_limit_and_a_fraction_keep_the_same_cases_in_the_same_order():
    names = [f"case_{number:02}" for number in range(20)]
    assert limit_cases(names, 5, seed=3) == draw_cases(names, 0.25, seed=3)
    assert limit_cases(names[::-1], None, seed=3) == names
    assert draw_cases(["only"], 0.01, seed=0) == ["only"]
    with pytest.raises(InputError, match="cases: wanted at least 1, got 0"):
        limit_cases(names, 0, seed=0)


def split_file(tmp_path, *entries):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([dict(zip(("train", "val"), entry, strict=True)) for entry in entries]))
    return str(path)


def test_a_split_file_names_training_and_test_cases(tmp_path):
    path = split_file(tmp_path, (["a", "b"], ["c"]), (["b", "c"], ["a"]))
    names = ["imagesTr/a", "imagesTr/b", "imagesTr/c", "imagesTr/d"]
    assert split_cases(names, 5, 0, split=path) == (["imagesTr/a", "imagesTr/b"], ["imagesTr/c"])
    assert split_cases(names, 5, 1, split=path) == (["imagesTr/b", "imagesTr/c"], ["imagesTr/a"])
    assert len(split_cases(names, 5, 0, fraction=0.5, split=path)[0]) == 1


def test_a_split_file_may_name_cases_that_were_set_aside(tmp_path):
    path = split_file(tmp_path, (["a", "b"], ["c"]))
    assert split_cases(["x/a", "x/c"], 5, 0, split=path, aside=["x/b"]) == (["x/a"], ["x/c"])


@pytest.mark.parametrize(
    ("entry", "fold", "message"),
    [
        ((["a", "x"], ["c"]), 0, "'x', which no case has"),
        ((["a", "c"], ["c"]), 0, "one/c in both lists"),
        (([], ["c"]), 0, "no training case"),
        ((["a"], ["c"]), 1, "fold: wanted 0 to 0"),
        ((["b"], ["c"]), 0, "'b', which 2 cases have"),
    ],
)
def test_a_split_file_that_does_not_fit_is_refused_with_the_reason(tmp_path, entry, fold, message):
    with pytest.raises(InputError, match=message):
        split_cases(["one/a", "one/b", "two/b", "one/c"], 5, fold, split=split_file(tmp_path, entry))


@pytest.mark.parametrize("text", ["{", "[]", '{"train": []}', '[{"train": ["a"]}]'])
def test_a_split_file_of_another_form_is_refused(tmp_path, text):
    path = tmp_path / "splits_final.json"
    path.write_text(text)
    with pytest.raises(InputError, match="Do this"):
        split_cases(["a", "b"], 5, 0, split=str(path))
