"""Labels from a CSV, and the scans that it names."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.labelled.label_csv import match_scans, read_label_csv
from orienteer.scans.source import ScanSource


def labels(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def source(name: str) -> ScanSource:
    return ScanSource(name, "NIfTI", (Path(name),))


def test_labels_with_a_split(tmp_path: Path) -> None:
    # As a spreadsheet saves it: a byte-order mark, spaces, more columns, another order of columns.
    text = "\ufefflabel, age, scan ,split\nill,50,a,train\nwell,61,b,train\nill,70,c,test\n"
    result = read_label_csv(labels(tmp_path, text))
    assert result.labels == {"a": "ill", "b": "well", "c": "ill"}
    assert result.splits == {"a": "train", "b": "train", "c": "test"}
    assert result.classes == ["ill", "well"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan,class\na,x\n", "no column label among scan, class"),
        ("", "no column scan and no column label among nothing"),
        ("scan,label\n", "a row for each scan, got no rows"),
        ("scan,label\na,x\nb,\n", "line 3: wanted a value for label"),
        ("scan,label\na,x\nb,nan\n", "line 3: wanted a value for label, got 'nan', which stands for a missing value"),
        ("scan,label\na,x\n#N/A,y\n", "line 3: wanted a value for scan, got '#N/A'"),
        ("scan,label\na,x\nb,x\n", "at least two classes in column label, got one, 'x'"),
        ("scan,label\na,x\nb,y\na,x\n", "'a' in lines 2, 4"),
        ("scan,label\na,x\nb,y\na,y\n", "'a' in lines 2, 4"),
        ("scan,label,split\na,x,train\nb,y,val\n", "line 3: wanted split train or test, got 'val'"),
        ("scan,label,split\na,x,train\nb,x,train\nc,y,test\n", "none of class y in 2 training scans"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_label_csv(labels(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a CSV file, got none that can be read \(FileNotFoundError\)"):
        read_label_csv(tmp_path / "none.csv")


def test_scans_are_found_with_and_without_their_ending() -> None:
    sources = [source("ct/a.nii.gz"), source("b.v1.nrrd")]
    result = match_scans("labels.csv", ["ct/a", "b.v1.nrrd"], sources, "scans")
    assert [result[name].name for name in ("ct/a", "b.v1.nrrd")] == ["ct/a.nii.gz", "b.v1.nrrd"]


def test_unknown_scans_are_counted_and_the_nearest_named() -> None:
    with pytest.raises(InputError, match=r"2 unknown, first 'case_01'.*did you mean case_001"):
        match_scans("labels.csv", ["case_01", "zzz"], [source("case_001.nii.gz")], "scans")


def test_a_name_of_two_scans_is_refused() -> None:
    with pytest.raises(InputError, match="'a', which is a.mha and a.nii.gz"):
        match_scans("labels.csv", ["a"], [source("a.mha"), source("a.nii.gz")], "scans")
