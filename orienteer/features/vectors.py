"""Files of feature vectors: Parquet, NumPy or CSV."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from orienteer.errors import InputError
from orienteer.files import write_bytes, write_csv

FORMATS = (".parquet", ".npy", ".csv")
"""Formats for vectors, chosen by the ending of the file's name."""


@dataclass(frozen=True)
class VectorTable:
    """One row per scan or per view.

    Attributes:
        columns: description of each row (scan, modality, ...), by column name.
        vectors: the features, columns ``v0000``, ``v0001`` ... of the file.
    """

    columns: dict[str, list[Any]]
    vectors: Float32[np.ndarray, "rows channels"]


def check_vector_path(path: Path) -> None:
    """Stops before any work if the vectors could not be written.

    Raises:
        InputError: another format, a file that exists already, or Parquet without pyarrow.
    """
    if path.suffix not in FORMATS:
        raise InputError(
            "out", wanted=f"a name that ends in {', '.join(FORMATS)}", got=str(path), do="change the ending"
        )
    if path.suffix == ".parquet":
        _pyarrow()
    taken = [file for file in (path, rows_path(path)) if file.exists()]
    if taken:
        raise InputError("out", wanted="a new file", got=f"{taken[0]}, which exists", do="choose another --out")


def rows_path(path: Path) -> Path:
    """Returns the file that describes the rows of an .npy file; the file itself for the other formats.

    Example:
        >>> rows_path(Path("vectors.npy")).name, rows_path(Path("vectors.csv")).name
        ('vectors.rows.csv', 'vectors.csv')
    """
    return path.with_suffix(".rows.csv") if path.suffix == ".npy" else path


def write_vectors(path: Path, table: VectorTable) -> None:
    """Writes a table of vectors, whole or not at all.

    Parquet and CSV hold the described columns, then one column per channel. An .npy file holds the vectors alone, float32
    ``(rows, channels)``; its rows are described in ``NAME.rows.csv`` beside it.

    Example:
        >>> import tempfile
        >>> table = VectorTable({"scan": ["a", "b"]}, np.array([[0.5, 1], [2, 3]], np.float32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_vectors(Path(folder, "vectors.csv"), table)
        ...     print(Path(folder, "vectors.csv").read_text().strip())
        scan,v0000,v0001
        a,0.5,1
        b,2,3
    """
    described = list(zip(*table.columns.values(), strict=True))
    if path.suffix == ".parquet":
        write_bytes(path, _parquet(table))
    elif path.suffix == ".csv":
        numbers = [[f"{value:.7g}" for value in row] for row in table.vectors.tolist()]
        rows = [[*row, *channels] for row, channels in zip(described, numbers, strict=True)]
        write_csv(path, [*table.columns, *_channels(table)], rows)
    else:
        file = io.BytesIO()
        np.save(file, table.vectors)
        write_csv(rows_path(path), list(table.columns), described)
        write_bytes(path, file.getvalue())


def _channels(table: VectorTable) -> list[str]:
    return [f"v{channel:04d}" for channel in range(table.vectors.shape[1])]


def _parquet(table: VectorTable) -> bytes:
    pyarrow, parquet = _pyarrow()
    columns: dict[str, Any] = dict(table.columns)
    columns.update(zip(_channels(table), table.vectors.T, strict=True))
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            "out",
            wanted="pyarrow, which writes Parquet files",
            got="an environment without it",
            do="pip install 'orienteer[parquet]', or write a .csv or .npy file",
        ) from error
    return pyarrow, parquet
