"""Round trips of vectors through files, and files that cannot be written."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.features.vectors import VectorTable, check_vector_path, write_vectors

VECTORS = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
TABLE = VectorTable({"scan": ["a", 'b "x", y', "ç"], "centre_foot_head_mm": [1.5, -2.0, 0.0]}, VECTORS)


def test_csv_round_trip(tmp_path: Path) -> None:
    write_vectors(tmp_path / "new" / "v.csv", TABLE)
    with open(tmp_path / "new" / "v.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == TABLE.columns["scan"]
    table = np.array([[float(row[f"v{channel:04d}"]) for channel in range(5)] for row in rows])
    assert np.allclose(table, VECTORS, rtol=1e-6)


def test_npy_round_trip_with_its_rows_beside_it(tmp_path: Path) -> None:
    write_vectors(tmp_path / "v.npy", TABLE)
    assert np.array_equal(np.load(tmp_path / "v.npy"), VECTORS)
    assert (tmp_path / "v.rows.csv").read_text().splitlines()[0] == "scan,centre_foot_head_mm"


def test_parquet_round_trip(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_vectors(tmp_path / "v.parquet", TABLE)
    table = parquet.read_table(tmp_path / "v.parquet").to_pydict()
    assert list(table)[:3] == ["scan", "centre_foot_head_mm", "v0000"]
    assert table["scan"] == TABLE.columns["scan"]
    assert np.array_equal(np.array([table[f"v{channel:04d}"] for channel in range(5)], np.float32).T, VECTORS)


def test_parquet_without_pyarrow_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'orienteer\[parquet\]'"):
        check_vector_path(tmp_path / "v.parquet")


@pytest.mark.parametrize(
    ("name", "there", "words"),
    [
        ("v.txt", None, "a name that ends in .parquet.*, or that of a folder"),
        ("v", "v/a.npy", "a new or empty folder"),
        ("v.csv", "v.csv", "which exists"),
        ("v.npy", "v.rows.csv", "which exists"),
    ],
)
def test_vector_files_that_cannot_be(tmp_path: Path, name: str, there: str | None, words: str) -> None:
    if there:
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("precious")
    with pytest.raises(InputError, match=words):
        check_vector_path(tmp_path / name)
