"""Scans of one patient are found by what the data set says, by BIDS and by a pattern, and stay on one side of a split."""

import itertools
import time

import pytest

from orienteer.comparison.plan.parts import deal, read_parts
from orienteer.errors import InputError
from orienteer.files import write_json
from orienteer.labelled.split import split_cases
from orienteer.scans.patients import Evidence, find_patients, groups_of, refuse_shared, units

NAMES = [
    f"sub-{patient:02d}/ses-{visit}/sub-{patient:02d}_T1w" for patient in range(7) for visit in range(patient % 3 + 1)
]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("sub-01/ses-2/anat/sub-01_T1w", "sub-01"),
        ("imagesTr/sub-A7_ses-1", "sub-A7"),
        ("sub-01", "sub-01"),
        ("subject-01/a", None),
        ("mysub-01/a", None),
        ("imagesTr/la_003", None),
    ],
)
def test_bids_names_its_subjects(name: str, group: str | None) -> None:
    assert groups_of([name]).get(name) == group


def test_what_the_data_set_says_goes_before_bids_and_a_pattern_before_both() -> None:
    names, named = ["sub-01/P7_a", "sub-01/P8_b"], {"sub-01/P7_a": "anna"}
    assert groups_of(names, Evidence(named)) == {"sub-01/P7_a": "anna", "sub-01/P8_b": "sub-01"}
    assert groups_of(names, Evidence(named, r"P\d")) == {"sub-01/P7_a": "P7", "sub-01/P8_b": "P8"}
    assert groups_of(names, Evidence(named, "none")) == {}


def test_the_same_scan_under_two_names_joins_their_groups() -> None:
    contents = {"a": "1", "b": "2", "sub-01/c": "1", "sub-01/d": "3"}
    assert groups_of(list(contents), Evidence(contents=contents)) == {
        "a": "sub-01",
        "sub-01/c": "sub-01",
        "sub-01/d": "sub-01",
    }
    assert groups_of(["a", "b"], Evidence(contents={"a": "1", "b": "1"}, pattern="none")) == {"a": "a", "b": "a"}


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="group_by: wanted a regular expression, got .*unterminated"):
        groups_of(["a"], Evidence(pattern="(P"))


def test_unknown_patients_are_said_once_and_known_ones_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    find_patients(["a", "b"], Evidence(contents={"a": "1", "b": "1"}))  # a copy of a scan does not tell whose it is
    assert capsys.readouterr().err.count("note: patients are not known: each scan counts as one. If some are") == 1
    find_patients(["a", "b"], Evidence({"a": "P1"}))
    assert "at most 2 patients; not known for 1 of 2 scans, first b" in capsys.readouterr().err
    find_patients(["a"], Evidence({"a": "P1"}))
    find_patients(["a"], Evidence(pattern="none"))
    assert capsys.readouterr().err == ""


def test_names_that_the_pattern_does_not_match_keep_what_else_is_known() -> None:
    names = ["brain_1018_a", "brain_1018_b", "sub-01/a", "other", "more"]
    groups = groups_of(names, Evidence({"other": "P1", "more": "P1"}, r"brain_(\d+)"))
    assert groups == {**dict.fromkeys(names[:2], "1018"), "sub-01/a": "sub-01", "other": "P1", "more": "P1"}


def test_headers_count_for_names_that_the_pattern_does_not_match() -> None:
    names = ["P1_a", "pacs/7", "sub-01/ct", "sub-01/mr"]
    groups = groups_of(names, Evidence(pattern=r"P\d", hashes={"P1_a": "5f", "pacs/7": "5f", "sub-01/ct": "5f"}))
    assert groups == {"P1_a": "P1", **dict.fromkeys(names[1:], "sub-01")}


def test_many_scans_of_one_patient_take_no_time() -> None:
    names = [f"P_{number}" for number in range(20_000)]
    began = time.process_time()
    assert set(groups_of(names, Evidence(pattern="P")).values()) == {"P"}
    assert time.process_time() - began < 5


@pytest.mark.parametrize("pattern", [r"P(\d)_", "brian", r"(\d*)"])
def test_a_pattern_that_matches_no_name_is_refused(pattern: str) -> None:
    with pytest.raises(
        InputError, match=r"group_by: wanted .* matches the names of scans, got .* none of 2, first 'brain_1'"
    ):
        find_patients(["brain_2", "brain_1"], Evidence(pattern=pattern))


def test_a_hash_joins_what_bids_names_and_is_never_shown() -> None:
    names, hashes = (
        ["sub-01/mr", "sub-01/ct", "pacs/7", "pacs/8", "x"],
        {"sub-01/ct": "5f", "pacs/7": "5f", "pacs/8": "9a"},
    )
    assert groups_of(names, Evidence(hashes=hashes)) == {
        **dict.fromkeys(names[:3], "sub-01"),
        "pacs/8": "the patient of pacs/8",
    }
    assert groups_of(names, Evidence({"pacs/7": "anna"}, hashes=hashes))["pacs/7"] == "anna", (
        "the data set knows better"
    )
    assert groups_of(names, Evidence(pattern="none", hashes=hashes)) == {}


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_folds_hold_whole_patients_and_every_case_is_tested_once(folds: int) -> None:
    groups, tested = groups_of(NAMES), []
    for fold in range(folds):
        training, test = split_cases(NAMES, folds, fold, groups=groups)
        assert not {groups[name] for name in training} & {groups[name] for name in test}
        assert sorted(training + test) == sorted(NAMES)
        tested += test
    assert sorted(tested) == sorted(NAMES)


def test_without_groups_cases_are_dealt_as_before() -> None:
    names = [f"case_{number:02d}" for number in range(11)]
    for folds, fold in itertools.product((2, 5), (0, 1)):
        assert split_cases(names, folds, fold)[1] == names[fold::folds]
        assert split_cases(names, folds, fold, groups={}) == split_cases(names, folds, fold)


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(InputError, match="folds: wanted at most as many as there are patients, 7, got 8"):
        split_cases(NAMES, 8, 0, groups=groups_of(NAMES))


def test_a_split_file_that_divides_a_patient_is_refused(tmp_path) -> None:
    names = ["sub-01/a", "sub-01/b", "sub-02/a"]
    path = tmp_path / "split.json"
    write_json(path, [{"train": ["sub-01/a", "sub-02/a"], "val": ["sub-01/b"]}])
    words = "wanted all scans of one patient in one part, got sub-01 in two: 'sub-01/a' in train, 'sub-01/b' in val"
    with pytest.raises(InputError, match=words):
        split_cases(names, 5, 0, split=str(path), groups=groups_of(names))
    assert split_cases(names, 5, 0, split=str(path), groups={})[1] == ["sub-01/b"]
    write_json(path, [{"train": ["sub-01/a", "sub-02/a"], "val": [], "test": ["sub-01/b"]}])
    with pytest.raises(InputError, match="'sub-01/a' in pretraining, 'sub-01/b' in test"):
        read_parts(path, names, groups_of(names))


def test_parts_of_a_comparison_hold_whole_patients(capsys: pytest.CaptureFixture[str]) -> None:
    groups = groups_of(NAMES)
    parts = deal(NAMES, (5, 3, 3), groups)
    held = [{groups[name] for name in part} for part in (parts.pretraining, parts.validation, parts.test)]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert len(parts.pretraining) >= 5
    assert "patients are kept together" in capsys.readouterr().err
    assert deal(list("abcde"), (3, 1, 1)) == deal(list("abcde"), (3, 1, 1), {})


def test_units_and_shared_groups() -> None:
    assert units([], {}) == []
    refuse_shared("split", {"train": ["a"], "val": ["b"]}, {"a": "1", "b": "2"})
