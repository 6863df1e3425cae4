"""Files of a folder: pairs by name, parts that do not overlap, and clear words where there is nothing."""

import pytest

from orienteer.exports.bundle.scripts.files import pairs_in, scans_in


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_scans_of_a_folder(tmp_path):
    touch(tmp_path, "b.nii.gz", "a.nrrd", ".hidden.nii", "notes.txt")
    assert [path.rpartition("/")[2] for path in scans_in(str(tmp_path))] == ["a.nrrd", "b.nii.gz"]


def test_an_empty_folder_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match=r"no scan in .*--dataset_dir"):
            scans_in(str(folder))


def test_pairs_are_found_by_name_and_are_in_one_part(tmp_path):
    names = [f"case{number}" for number in range(7)]
    touch(tmp_path / "imagesTr", *(f"{name}_0000.nii.gz" for name in names))
    touch(tmp_path / "labelsTr", *(f"{name}.nii" for name in reversed(names)), "more.nii")
    training, validation = (pairs_in(str(tmp_path), validation=part) for part in (False, True))
    assert (len(training), len(validation)) == (5, 2)
    for item in (*training, *validation):
        assert item["image"].rpartition("/")[2].split("_")[0] == item["label"].rpartition("/")[2].split(".")[0]
    assert not {item["image"] for item in training} & {item["image"] for item in validation}


def test_a_single_case_is_for_both(tmp_path):
    touch(tmp_path / "imagesTr", "a.nii")
    touch(tmp_path / "labelsTr", "a.nii")
    assert pairs_in(str(tmp_path), validation=False) == pairs_in(str(tmp_path), validation=True)


def test_a_scan_without_a_label_map_is_named(tmp_path):
    touch(tmp_path / "imagesTr", "a.nii", "b.nii")
    touch(tmp_path / "labelsTr", "a.nii")
    with pytest.raises(FileNotFoundError, match=r"no label map for .*b\.nii"):
        pairs_in(str(tmp_path), validation=False)
    with pytest.raises(FileNotFoundError, match=r"no scans in .*imagesTr"):
        pairs_in(str(tmp_path / "imagesTr"), validation=False)
