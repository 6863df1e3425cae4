"""Which scan belongs to which labels, in every form that people have, and what is said where it cannot be told."""

import json
from itertools import pairwise

import pytest

from orienteer.errors import InputError
from orienteer.labelled.datasets import case_name, read_dataset
from orienteer.labelled.split import split_cases
from tests.helpers.labelled import write_case, write_dataset, write_json


def test_a_decathlon_file_gives_cases_classes_and_modality(tmp_path):
    data = read_dataset(str(write_dataset(tmp_path, cases=3)), None, None)
    assert [case.name for case in data.cases] == [f"imagesTr/case_{n}" for n in range(3)]
    assert all(case.labels == tmp_path / "labelsTr" / f"case_{n}.nii.gz" for n, case in enumerate(data.cases))
    assert data.classes == {0: "background", 1: "bright", 2: "grey"}
    assert (data.modality, data.failures) == ("MR", ())


def test_the_folder_of_a_dataset_file_does_as_well(tmp_path):
    path = write_dataset(tmp_path, cases=2)
    assert read_dataset(str(tmp_path), None, None) == read_dataset(str(path), None, None)


def test_nnunet_names_its_files_and_turns_its_labels_round(tmp_path):
    write_case(tmp_path, "liver_7.nrrd", 0)
    (tmp_path / "imagesTr/liver_7.nrrd").rename(tmp_path / "imagesTr/liver_7_0000.nrrd")
    said = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1, "tumour": 2}, "file_ending": ".nrrd"}
    (tmp_path / "dataset.json").write_text(json.dumps(said))
    data = read_dataset(str(tmp_path), None, None)
    assert [(case.name, case.labels.name) for case in data.cases] == [("imagesTr/liver_7", "liver_7.nrrd")]
    assert (data.classes, data.modality) == ({0: "background", 1: "liver", 2: "tumour"}, "CT")


def test_label_maps_inside_the_folder_of_scans_are_no_failures(torsos):
    found = read_dataset(None, str(torsos), str(torsos / "labels"))
    assert len(found.cases) == 6
    assert found.failures == ()


def test_two_folders_are_matched_by_name_whatever_the_format(tmp_path):
    for name in ("a.nii.gz", "b.nrrd"):
        write_case(tmp_path, name, 0)
    (tmp_path / "labelsTr/b.nrrd").rename(tmp_path / "labelsTr/b.mha")
    data = read_dataset(None, str(tmp_path / "imagesTr"), str(tmp_path / "labelsTr"))
    assert [(case.name, case.labels.name) for case in data.cases] == [("a", "a.nii.gz"), ("b", "b.mha")]
    assert data.classes is None


def test_a_missing_label_map_is_named_and_the_others_are_used(tmp_path):
    path = write_dataset(tmp_path, cases=3)
    (tmp_path / "labelsTr/case_1.nii.gz").unlink()
    data = read_dataset(str(path), None, None)
    assert [case.name for case in data.cases] == ["imagesTr/case_0", "imagesTr/case_2"]
    (failure,) = data.failures
    assert (failure.name, failure.reason) == ("imagesTr/case_1", "no label map case_1.nii.gz")


def test_a_missing_label_map_is_named_in_two_folders_too(tmp_path):
    write_dataset(tmp_path, cases=2)
    (tmp_path / "labelsTr/case_1.nii.gz").unlink()
    data = read_dataset(None, str(tmp_path / "imagesTr"), str(tmp_path / "labelsTr"))
    assert [failure.reason for failure in data.failures] == ["no label map case_1.*"]


def test_a_missing_scan_is_named(tmp_path):
    path = write_dataset(tmp_path, cases=2)
    (tmp_path / "imagesTr/case_0.nii.gz").unlink()
    (failure,) = read_dataset(str(path), None, None).failures
    assert (failure.name, failure.reason) == ("imagesTr/case_0", "no such scan")


def test_two_scans_of_one_name_are_not_mixed_up(tmp_path):
    for name in ("a.nii.gz", "a.nrrd"):
        write_case(tmp_path, name, 0)
    data = read_dataset(None, str(tmp_path / "imagesTr"), str(tmp_path / "labelsTr"))
    assert [case.source.name for case in data.cases] == ["a.nii.gz"]
    assert [failure.reason for failure in data.failures] == ["a.nrrd has the name of a.nii.gz"]


def test_no_label_map_at_all_is_an_error_that_names_one(tmp_path):
    path = write_dataset(tmp_path, cases=1)
    (tmp_path / "labelsTr/case_0.nii.gz").unlink()
    with pytest.raises(InputError, match=r"imagesTr/case_0: no label map case_0\.nii\.gz"):
        read_dataset(str(path), None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modality": {"0": "FLAIR", "1": "T1"}}, "one channel, got 2: FLAIR, T1"),
        ({"labels": {"1": "bright"}}, "background as 0"),
        ({"labels": {"background": 0, "whole": [1, 2]}}, "one whole number per class"),
        ({"labels": {"background": 0, "a": 1, "ignore": 2}}, "without a class to ignore"),
        ({"training": ["a.nii.gz"]}, "`image` and `label`"),
    ],
)
def test_what_a_dataset_file_cannot_mean_is_said(tmp_path, changes, words):
    write_dataset(tmp_path, cases=1)
    with pytest.raises(InputError, match=words):
        read_dataset(str(write_json(tmp_path, **changes)), None, None)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_dataset_file_is_refused(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json"):
        read_dataset(str(tmp_path), None, None)


@pytest.mark.parametrize("given", [(None, None, None), ("a.json", "b", "c"), (None, "b", None)])
def test_one_form_of_data_must_be_named(given):
    with pytest.raises(InputError, match="or two folders"):
        read_dataset(*given)


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


def test_the_end_of_a_name_is_cut_whatever_its_case():
    assert [case_name(name) for name in ("A.NII.GZ", "b.mha", "c/d.e.nii")] == ["A", "b", "c/d.e"]


def split_file(tmp_path, *entries):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([dict(zip(("train", "val"), entry, strict=True)) for entry in entries]))
    return str(path)


def test_a_split_file_says_who_is_trained_on_and_who_is_tested(tmp_path):
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
def test_a_split_file_that_does_not_fit_says_why(tmp_path, entry, fold, message):
    with pytest.raises(InputError, match=message):
        split_cases(["one/a", "one/b", "two/b", "one/c"], 5, fold, split=split_file(tmp_path, entry))


@pytest.mark.parametrize("text", ["{", "[]", '{"train": []}', '[{"train": ["a"]}]'])
def test_a_split_file_of_another_form_is_refused(tmp_path, text):
    path = tmp_path / "splits_final.json"
    path.write_text(text)
    with pytest.raises(InputError, match="Do this"):
        split_cases(["a", "b"], 5, 0, split=str(path))
