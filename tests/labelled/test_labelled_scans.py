"""Scans with one label each: split by column or by fold, and the same scan in both parts."""

import shutil
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.labelled.labelled_scans import LabelledScans, prepare_labelled
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from tests.helpers.files import noise, write, write_dicom


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for number in range(6):
        write(folder / "scans" / f"{number}.nii", noise((16, 16, 16), number), spacing=(1.0, 1.0, 1.0))
    shutil.copy(folder / "scans" / "0.nii", folder / "scans" / "copy.nii")
    return folder


def labelled(folder: Path, text: str, **options: int | float) -> LabelledScans:
    path = folder / "labels.csv"
    path.write_text(text)
    preparation, selection = Preparation((2.0, 2.0, 2.0)), Selection(modality="MR")
    return prepare_labelled(
        path, folder / "scans", folder / "store", preparation, selection, workers=0, shown=False, **options
    )  # type: ignore[arg-type]


TEXT = "scan,label\n" + "".join(f"{number},{'ill' if number % 2 else 'well'}\n" for number in range(6))


def test_the_folds_hold_every_scan_once_and_every_class(folder: Path) -> None:
    tests = []
    for fold in range(3):
        scans = labelled(folder, TEXT, folds=3, fold=fold)
        assert scans.classes == ("ill", "well")
        assert {scan.label for scan in scans.test} == {scan.label for scan in scans.training} == {0, 1}
        assert not {scan.key for scan in scans.test} & {scan.key for scan in scans.training}
        tests += [scan.name for scan in scans.test]
    assert sorted(tests) == [str(number) for number in range(6)]


def test_a_fraction_keeps_every_class_and_a_limit_counts_scans(folder: Path) -> None:
    scans = labelled(folder, TEXT, folds=3, fraction=0.1)
    assert sorted(scan.label for scan in scans.training) == [0, 1]
    assert len(labelled(folder, TEXT, folds=3, train_cases=3, test_cases=1).test) == 1


def test_a_split_column_decides(folder: Path) -> None:
    text = "scan,label,split\n0,well,train\n1,ill,train\n2,well,test\n"
    scans = labelled(folder, text)
    assert [scan.name for scan in scans.training] == ["0", "1"]
    assert [(scan.name, scan.label) for scan in scans.test] == [("2", 1)]


def test_the_same_scan_in_both_parts_is_refused(folder: Path) -> None:
    text = "scan,label,split\n0,well,train\n1,ill,train\ncopy,well,test\n"
    with pytest.raises(
        InputError, match="test scans that are not trained on, got 1 that are.*'copy', the same scan as '0'"
    ):
        labelled(folder, text)


def test_two_rows_of_one_scan_and_too_many_folds_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'0' and '0\.nii', which are the same scan"):
        labelled(folder, "scan,label\n0,well\n0.nii,ill\n")
    with pytest.raises(InputError, match="at most as many as there are scans, 6, got 7"):
        labelled(folder, TEXT, folds=7)


@pytest.mark.parametrize("fold", range(3))
def test_dicom_scans_of_one_patient_are_in_one_part(tmp_path: Path, fold: int) -> None:
    for number in range(6):
        place = tmp_path / "scans" / f"{number}"
        tags = {"series": f"1.2.{number}", "modality": "MR", "PatientID": f"P{number // 2}"}
        write_dicom(place, noise((16, 16, 16), number), spacing=(1.0, 1.0, 1.0), **tags)
    scans = labelled(tmp_path, TEXT, folds=3, fold=fold)
    assert [scan.name for scan in scans.test] == [str(2 * fold), str(2 * fold + 1)]
    assert len(scans.training) == 4
