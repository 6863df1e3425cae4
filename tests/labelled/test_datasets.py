"""Which scan belongs to which labels, in every form of data, and errors where that cannot be determined."""

import json

import pytest

from orienteer.errors import InputError
from orienteer.labelled.datasets import case_name, read_dataset
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
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": 1, "tumour": 2},
        "file_ending": ".nrrd",
    }
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    data = read_dataset(str(tmp_path), None, None)
    assert [(case.name, case.labels.name) for case in data.cases] == [("imagesTr/liver_7", "liver_7.nrrd")]
    assert (data.classes, data.modality) == ({0: "background", 1: "liver", 2: "tumour"}, "CT")


def test_label_maps_inside_the_folder_of_scans_are_no_failures(torsos):
    data = read_dataset(None, str(torsos), str(torsos / "labels"))
    assert len(data.cases) == 6
    assert data.failures == ()


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
def test_a_dataset_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, changes, words):
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


def test_the_end_of_a_name_is_cut_whatever_its_case():
    assert [case_name(name) for name in ("A.NII.GZ", "b.mha", "c/d.e.nii")] == ["A", "b", "c/d.e"]
