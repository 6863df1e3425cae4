"""Folders and files that could be named after persons are found, and those of well-known data sets are not."""

import pytest

from orienteer.scans.person_names import could_be_person, person_names, warn_of_persons

PERSONS = [
    *("Anna_Mueller", "Mueller, Anna", "MUELLER^ANNA", "Müller_Änne_1965-03-12", "CT_Li_Wei", "Otto-Schmidt_CT"),
    "José María",
]

SETS = [
    *("imagesTr", "Task02_Heart", "la_003", "BraTS_0001", "sub-A00028185", "ses-NFB3", "CT_Chest_Abdomen", "LUNG1-001"),
    *("TCGA-CS-4941", "case_00012", "IXI002-Guys-0828-T1", "Phase_Arterial", "SYNTHETIC_torso_003", "1.2.840.113619"),
    *("series-1a2b3c4d", "hippocampus_001", "MR_Left_Knee"),
]


@pytest.mark.parametrize("name", PERSONS)
def test_two_capitalised_words_could_be_a_person(name):
    assert could_be_person(name)


@pytest.mark.parametrize("name", SETS)
def test_names_of_data_sets_are_none(name):
    assert not could_be_person(name)


def test_a_warning_names_three_of_them_and_is_given_only_where_there_are_some(capsys):
    names = [f"{name}_Mueller/ct.nii.gz" for name in ("Anna", "Berta", "Carla", "Dora")]
    assert person_names([*names, "Anna_Mueller/mr.nii.gz", "case.nii.gz"]) == [name.split("/")[0] for name in names]
    warn_of_persons(names, "the page shows", "rename them")
    words = capsys.readouterr().err
    assert (
        "the page shows the names of scans, and 'Anna_Mueller', 'Berta_Mueller', 'Carla_Mueller' and 1 more could be"
        in words
    )
    warn_of_persons(["case.nii.gz"], "the page shows", "rename them")
    assert capsys.readouterr().err == ""
