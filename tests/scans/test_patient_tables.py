"""A table of patients in the place of a regular expression, as an audit writes it."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.scans.patients import Evidence, check_matches, check_pattern, groups_of


@pytest.fixture
def table(tmp_path: Path) -> str:
    file = tmp_path / "groups.csv"
    file.write_text("scan,patient\nct/a.nii.gz,group 1\nct/b_0000.nii.gz,group 1\nct/c.mha,group 2\nd,\n")
    return str(file)


def test_a_table_says_which_scans_belong_together(table: str) -> None:
    names = ["ct/a.nii.gz", "ct/b_0000.nii.gz", "ct/c.mha", "ct/e.nii.gz", "d"]
    groups = groups_of(names, Evidence(pattern=table))
    assert groups == {"ct/a.nii.gz": "group 1", "ct/b_0000.nii.gz": "group 1", "ct/c.mha": "group 2"}


def test_names_of_cases_and_of_folders_above_and_below_are_recognised(table: str) -> None:
    assert groups_of(["ct/a", "ct/b"], Evidence(pattern=table)) == {"ct/a": "group 1", "ct/b": "group 1"}
    assert groups_of(["a.nii.gz", "imagesTr/ct/b.nii.gz"], Evidence(pattern=table)) == {
        "a.nii.gz": "group 1",
        "imagesTr/ct/b.nii.gz": "group 1",
    }


def test_what_the_table_lacks_is_judged_by_what_follows(table: str) -> None:
    groups = groups_of(["ct/a.nii.gz", "sub-01/x.nii.gz", "sub-01/y.nii.gz"], Evidence(pattern=table))
    assert groups == {"ct/a.nii.gz": "group 1", "sub-01/x.nii.gz": "sub-01", "sub-01/y.nii.gz": "sub-01"}


def test_a_table_goes_before_the_data_set(table: str) -> None:
    assert groups_of(["ct/a.nii.gz"], Evidence({"ct/a.nii.gz": "P7"}, table)) == {"ct/a.nii.gz": "group 1"}


def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        check_pattern(str(tmp_path / "none.csv"))
    other = tmp_path / "other.csv"
    other.write_text("name,person\na,1\n")
    with pytest.raises(InputError, match="the columns scan and patient, got the columns name, person"):
        check_pattern(str(other))
    with pytest.raises(InputError, match="matches none of 1"):
        check_matches(table, ["unknown.nii.gz"])
