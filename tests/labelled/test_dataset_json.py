"""dataset.json in the forms of the Decathlon and of nnU-Net, in every encoding; what cannot be used is named with its place."""

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from orienteer.errors import InputError
from orienteer.labelled.datasets import read_dataset
from tests.helpers.labelled import write_case, write_dataset, write_json


def names(folder: Path) -> list[tuple[str, str]]:
    """Case and file of the scan of every case that can be used."""
    return [(case.name, case.source.files[0].name) for case in read_dataset(str(folder), None, None).cases]


def reasons(folder: Path) -> dict[str, str]:
    return {failure.name: failure.reason for failure in read_dataset(str(folder), None, None).failures}


def written(folder: Path, **content: Any) -> Path:
    """Writes a dataset.json with two classes."""
    given = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1}, **content}
    (folder / "dataset.json").write_text(json.dumps(given))
    return folder


def test_the_first_version_of_nnunet_lists_cases_without_the_number_of_their_channel(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, cases=2)
    for number in range(2):
        file = tmp_path / f"imagesTr/case_{number}.nii.gz"
        file.rename(tmp_path / f"imagesTr/case_{number}_0000.nii.gz")
    assert names(path) == [(f"imagesTr/case_{n}", f"case_{n}_0000.nii.gz") for n in range(2)]


def test_a_second_channel_beside_a_scan_is_not_ignored(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, cases=2)
    (tmp_path / "imagesTr/case_0.nii.gz").rename(tmp_path / "imagesTr/case_0_0000.nii.gz")
    (tmp_path / "imagesTr/case_0_0001.nii.gz").touch()
    assert reasons(path) == {"imagesTr/case_0": "case_0_0001.nii.gz beside case_0_0000.nii.gz, a second channel"}


def test_numbers_of_cases_are_no_channels(tmp_path: Path) -> None:
    for number in range(3):
        write_case(tmp_path, f"case_000{number}.nii.gz", number)
    assert [file for _, file in names(write_json(tmp_path))] == [f"case_000{n}.nii.gz" for n in range(3)]


def test_the_key_dataset_names_files_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, other = tmp_path / "data", tmp_path / "elsewhere"
    write_case(data, "a.nii.gz", 0)
    write_case(other, "b_0000.nrrd", 1)
    monkeypatch.setenv("SCANS", str(other))
    cases = {
        "one_0000": {"images": ["imagesTr/a.nii.gz"], "label": "labelsTr/a.nii.gz"},
        "two": {"images": ["$SCANS/imagesTr/b_0000.nrrd"], "label": str(other / "labelsTr/b_0000.nrrd")},
        "three": {"images": ["imagesTr/a.nii.gz", "imagesTr/a.nii.gz"], "label": "labelsTr/a.nii.gz"},
    }
    written(data, dataset=cases, file_ending=".nii.gz")
    assert names(data) == [("one_0000", "a.nii.gz"), ("two", "b_0000.nrrd")]
    assert reasons(data) == {"three": "2 images"}


def test_cases_outside_the_data_set_have_names_without_a_path_of_this_computer(tmp_path: Path) -> None:
    for patient in ("anna", "bert"):
        write_case(tmp_path / "all" / patient, "ct.nii.gz", 0)
    write_case(tmp_path / "data", "ct.nii.gz", 0)
    (tmp_path / "data/anna").mkdir()
    rows = [
        {"image": str(tmp_path / "all/anna/imagesTr/ct.nii.gz"), "label": "../all/anna/labelsTr/ct.nii.gz"},
        {"image": "../all/bert/imagesTr/ct.nii.gz", "label": "../all/bert/labelsTr/ct.nii.gz"},
        {"image": str(tmp_path / "data/imagesTr/ct.nii.gz"), "label": "labelsTr/ct.nii.gz"},
        {"image": "imagesTr/../imagesTr/ct.nii.gz", "label": "labelsTr/ct.nii.gz"},
    ]
    data = read_dataset(str(write_json(tmp_path / "data", training=rows)), None, None)
    assert [case.name for case in data.cases] == ["anna/imagesTr/ct", "bert/imagesTr/ct", "imagesTr/ct"]
    assert [failure.reason for failure in data.failures] == ["imagesTr/ct.nii.gz has the name of imagesTr/ct.nii.gz"]


def test_the_same_name_inside_and_outside_is_told_apart(tmp_path: Path) -> None:
    for folder in ("data", "data/sub"):
        write_case(tmp_path / folder, "a.nii.gz", 0)
    outside = {"image": "../imagesTr/a.nii.gz", "label": "../labelsTr/a.nii.gz"}
    inside = {"image": "a.nii.gz", "label": "labelsTr/a.nii.gz"}
    os.rename(tmp_path / "data/sub/imagesTr/a.nii.gz", tmp_path / "data/sub/a.nii.gz")
    path = write_json(tmp_path / "data", training=[outside, inside])
    path.rename(tmp_path / "data/sub/dataset.json")
    data = read_dataset(str(tmp_path / "data/sub"), None, None)
    assert [(case.name, case.source.files[0].parent.name) for case in data.cases] == [
        ("a", "sub"),
        ("a-2", "imagesTr"),
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_and_separators_of_other_systems_are_the_same_file(tmp_path: Path, form: str) -> None:
    name = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Müller.nii.gz")
    write_case(tmp_path, name, 0)
    listed = unicodedata.normalize(form, "Müller.nii.gz")
    rows = [{"image": f"imagesTr\\{listed}", "label": f"labelsTr\\{listed}"}]
    assert [file for _, file in names(write_json(tmp_path, training=rows))] == [name]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_dataset_file_is_read_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = write_dataset(tmp_path, cases=1)
    path.write_bytes(path.read_text().encode(encoding))
    assert names(path) == [("imagesTr/case_0", "case_0.nii.gz")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n"labels": {},\n}', "a comma before the closing bracket, line 2"),
        ('{\n"labels": {"background": 0,\n"liver": 1, "liver": 2}}', "the key 'liver' twice in one table"),
        ("{'labels': 1}", "double quotes, line 1"),
        (
            '{"name": "x"}',
            "with `labels`, and `training`, `dataset` or files in imagesTr and labelsTr, got one with name",
        ),
    ],
)
def test_a_damaged_dataset_file_is_named_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_dataset(str(tmp_path), None, None)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"background": 0, "liver": 1.5}, "one whole number per class, got 1.5 for 'liver'"),
        ({"background": 0, "liver": True}, "one whole number per class, got True for 'liver'"),
        ({"0": "background", "1": "liver", "2": "liver"}, "another name for each class, got 'liver' twice"),
        ({"0": "background", "1": "liver", "01": "spleen"}, "another value for each class, got '1' twice"),
        ({"background": 0, "liver": 1, "spleen": 1}, "another value for each class, got '1' twice"),
        ({"background": 0, "liver": 70_000}, "at most 256 classes with values up to 65535"),
        ({"background": 0, **{str(n) + "x": n for n in range(1, 300)}}, "got 300 classes"),
        (["background", "liver"], "`labels` as a table of names and values, got a list"),
        ({"background": 0, "liver": -1}, "background as 0"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(tmp_path: Path, labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_dataset(str(written(tmp_path, labels=labels)), None, None)


@pytest.mark.parametrize(
    "content",
    [
        {"training": {"image": "a"}},
        {"training": [{"image": 3, "label": "b"}]},
        {"training": [{"image": [], "label": "b"}]},
        {"training": [{"image": "", "label": "b"}]},
        {"dataset": []},
        {"dataset": {"a": {"images": "x", "label": "b"}}},
        {"dataset": {"a": None}},
        {"channel_names": 3, "training": []},
    ],
)
def test_entries_of_another_form_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"use a form that docs/finetune\.md describes"):
        read_dataset(str(written(tmp_path, **content)), None, None)


@pytest.mark.parametrize("image", ["x" * 5000, "a\x00b.nii.gz", "/root/\udcff.nii.gz", "a/" * 3000, "imagesTr"])
def test_names_that_no_disk_takes_are_missing_scans(tmp_path: Path, image: str) -> None:
    write_dataset(tmp_path, cases=1)
    rows = [{"image": image, "label": image}, {"image": "imagesTr/case_0.nii.gz", "label": "labelsTr/case_0.nii.gz"}]
    assert list(reasons(write_json(tmp_path, training=rows)).values()) == ["no such scan"]


def test_two_label_maps_for_one_scan_are_not_chosen_between(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_case(tmp_path, name, 0)
    for name in ("a.mha", "a.nrrd", "b.mha"):
        (tmp_path / "labelsTr" / name).touch()
    (tmp_path / "labelsTr/a.nii.gz").unlink()
    data = read_dataset(None, str(tmp_path / "imagesTr"), str(tmp_path / "labelsTr"))
    assert [(case.name, case.labels.name) for case in data.cases] == [("b", "b.nii.gz")]
    assert [failure.reason for failure in data.failures] == ["two label maps, a.mha and a.nrrd"]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("labelsTr/case_1.nii.gz", ", with label maps case_0.nii.gz (used) and case_1"),
        ("labelsTr/case_0.nii.gz", "imagesTr/case_0.nii.gz is listed twice"),
    ],
)
def test_a_scan_that_is_listed_twice_is_named(tmp_path: Path, label: str, words: str) -> None:
    write_dataset(tmp_path, cases=2)
    first = {"image": "imagesTr/case_0.nii.gz", "label": "labelsTr/case_0.nii.gz"}
    folder = write_json(tmp_path, training=[first, {"image": "imagesTr/case_0.nii.gz", "label": label}])
    assert words in reasons(folder)["imagesTr/case_0"]


@pytest.mark.parametrize(
    ("promised", "words"), [(2, ""), (99, "promises 99 cases (numTraining) and lists 2"), ("x", "")]
)
def test_a_number_of_cases_that_differs_is_said(
    tmp_path: Path, promised: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(tmp_path, cases=2)
    rows = [{"image": f"imagesTr/case_{i}.nii.gz", "label": f"labelsTr/case_{i}.nii.gz"} for i in range(2)]
    assert len(names(write_json(tmp_path, training=rows, numTraining=promised))) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert bool(words) == bool(printed)
