"""Files for scans: named like them, each another."""

from orienteer.labelled.case_files import case_files


def test_two_scans_of_one_name_get_two_files() -> None:
    names = case_files(["a.nrrd", "a.nii.gz", "b.mha"], ".nii.gz")
    assert names == {"a.nrrd": "a.nrrd.nii.gz", "a.nii.gz": "a.nii.gz.nii.gz", "b.mha": "b.nii.gz"}


def test_a_name_that_is_the_longer_one_of_another_scan_is_told_apart() -> None:
    names = case_files(["a.nrrd", "a.mha", "a.nrrd.nii.gz", "A.nii"], ".nii.gz")
    assert len({name.casefold() for name in names.values()}) == 4
