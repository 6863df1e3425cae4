"""Vectors into files and labels out of them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.features.vectors import VectorTable, check_vector_path, write_vectors
from orienteer.labelled.label_csv import match_scans, read_label_csv
from orienteer.scans.source import ScanSource

VECTORS = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
TABLE = VectorTable({"scan": ["a", 'b "x", y', "ç"], "centre_foot_head_mm": [1.5, -2.0, 0.0]}, VECTORS)


def labels(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def source(name: str) -> ScanSource:
    return ScanSource(name, "NIfTI", (Path(name),))


def test_csv_round_trip(tmp_path: Path) -> None:
    import csv

    write_vectors(tmp_path / "new" / "v.csv", TABLE)
    with open(tmp_path / "new" / "v.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == TABLE.columns["scan"]
    found = np.array([[float(row[f"v{channel:04d}"]) for channel in range(5)] for row in rows])
    assert np.allclose(found, VECTORS, rtol=1e-6)


def test_npy_round_trip_with_its_rows_beside_it(tmp_path: Path) -> None:
    write_vectors(tmp_path / "v.npy", TABLE)
    assert np.array_equal(np.load(tmp_path / "v.npy"), VECTORS)
    assert (tmp_path / "v.rows.csv").read_text().splitlines()[0] == "scan,centre_foot_head_mm"


def test_parquet_round_trip(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_vectors(tmp_path / "v.parquet", TABLE)
    found = parquet.read_table(tmp_path / "v.parquet").to_pydict()
    assert list(found)[:3] == ["scan", "centre_foot_head_mm", "v0000"]
    assert found["scan"] == TABLE.columns["scan"]
    assert np.array_equal(np.array([found[f"v{channel:04d}"] for channel in range(5)], np.float32).T, VECTORS)


def test_parquet_without_pyarrow_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'orienteer\[parquet\]'"):
        check_vector_path(tmp_path / "v.parquet")


@pytest.mark.parametrize(
    ("name", "there", "words"),
    [
        ("v.txt", None, "a name that ends in .parquet"),
        ("v.csv", "v.csv", "which is there"),
        ("v.npy", "v.rows.csv", "which is there"),
    ],
)
def test_vector_files_that_cannot_be(tmp_path: Path, name: str, there: str | None, words: str) -> None:
    if there:
        (tmp_path / there).write_text("precious")
    with pytest.raises(InputError, match=words):
        check_vector_path(tmp_path / name)


def test_labels_with_a_split(tmp_path: Path) -> None:
    # As a spreadsheet saves it: a byte-order mark, spaces, more columns, another order of columns.
    text = "\ufefflabel, age, scan ,split\nill,50,a,train\nwell,61,b,train\nill,70,c,test\n"
    found = read_label_csv(labels(tmp_path, text))
    assert found.labels == {"a": "ill", "b": "well", "c": "ill"}
    assert found.splits == {"a": "train", "b": "train", "c": "test"}
    assert found.classes == ["ill", "well"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan,class\na,x\n", "no column label among scan, class"),
        ("", "no column scan and no column label among nothing"),
        ("scan,label\n", "a row for each scan, got no rows"),
        ("scan,label\na,x\nb,\n", "line 3: wanted a value for label"),
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


def test_labels_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a CSV file, got none that can be read \(FileNotFoundError\)"):
        read_label_csv(tmp_path / "none.csv")


def test_scans_are_found_with_and_without_their_ending() -> None:
    sources = [source("ct/a.nii.gz"), source("b.v1.nrrd")]
    found = match_scans("labels.csv", ["ct/a", "b.v1.nrrd"], sources, "scans")
    assert [found[name].name for name in ("ct/a", "b.v1.nrrd")] == ["ct/a.nii.gz", "b.v1.nrrd"]


def test_unknown_scans_are_counted_and_the_nearest_named() -> None:
    with pytest.raises(InputError, match=r"2 unknown, first 'case_01'.*did you mean case_001"):
        match_scans("labels.csv", ["case_01", "zzz"], [source("case_001.nii.gz")], "scans")


def test_a_name_of_two_scans_is_refused() -> None:
    with pytest.raises(InputError, match="'a', which is a.mha and a.nii.gz"):
        match_scans("labels.csv", ["a"], [source("a.mha"), source("a.nii.gz")], "scans")
