"""Files of feature vectors: Parquet, NumPy or CSV, or a folder with one NumPy file per scan."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from orienteer.errors import InputError
from orienteer.files import inside, write_bytes, write_csv
from orienteer.labelled.case_files import case_files

if TYPE_CHECKING:
    import pandas

FORMATS = (".parquet", ".npy", ".csv")
"""Formats for vectors, chosen by the ending of the file's name. A name without one is that of a folder."""

ROWS_FILE = "rows.csv"
"""Describes the files of a folder of vectors."""


@dataclass(frozen=True)
class VectorTable:
    """One row per scan or per view.

    Attributes:
        columns: description of each row (scan, modality, ...), by column name.
        vectors: the features, columns ``v0000``, ``v0001`` ... of the file.
    """

    columns: dict[str, list[Any]]
    vectors: Float32[np.ndarray, "rows channels"]

    def named(self) -> dict[str, Any]:
        """Returns every column by its name: those that describe the rows, then one per channel."""
        channels = (f"v{channel:04d}" for channel in range(self.vectors.shape[1]))
        return {**self.columns, **dict(zip(channels, self.vectors.T, strict=True))}

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns the table as a DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            do = "pip install pandas, or use the arrays of the result"
            raise InputError("to_pandas", wanted="pandas", got="an environment without it", do=do) from error
        return pandas.DataFrame(self.named())


def check_vector_path(path: Path) -> None:
    """Stops before any work if the vectors could not be written.

    Raises:
        InputError: another format, a file that exists already, a folder in use, or Parquet without pyarrow.
    """
    if path.suffix not in ("", *FORMATS):
        wanted = f"a name that ends in {', '.join(FORMATS)}, or that of a folder, without ending"
        raise InputError("out", wanted=wanted, got=str(path), do="change the ending")
    if path.suffix == "" and path.is_dir():
        if any(path.iterdir()):
            raise InputError("out", wanted="a new or empty folder", got=str(path), do="choose another --out")
        return
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


def write_vectors(path: Path, table: VectorTable, single: bool = False) -> None:
    """Writes a table of vectors, each file whole or not at all.

    Parquet and CSV hold the described columns, then one column per channel. An .npy file holds the vectors alone, float32
    ``(rows, channels)``; its rows are described in ``NAME.rows.csv`` beside it. A folder holds one .npy file per scan, with
    its vector, or with one row per view; they are described in its ``rows.csv``, which is written last.

    Args:
        path: the file, or a folder.
        table: a column is ``scan``.
        single: an .npy file gets the vector of the only row, ``(channels,)``.

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
    if path.suffix == "":
        _write_each(path, table)
    elif path.suffix == ".parquet":
        write_bytes(path, _parquet(table))
    elif path.suffix == ".csv":
        numbers = [[f"{value:.7g}" for value in row] for row in table.vectors.tolist()]
        rows = [[*row, *channels] for row, channels in zip(described, numbers, strict=True)]
        write_csv(path, list(table.named()), rows)
    else:
        write_csv(rows_path(path), list(table.columns), described)
        write_bytes(path, _npy(table.vectors[0] if single else table.vectors))


def _write_each(folder: Path, table: VectorTable) -> None:
    """Writes one .npy file per scan, named like the scan, and ``rows.csv``, whose column ``file`` names it."""
    scans = table.columns["scan"]
    files = case_files(list(dict.fromkeys(scans)), ".npy")
    for scan, file in files.items():
        rows = table.vectors[[number for number, name in enumerate(scans) if name == scan]]
        write_bytes(inside(folder, file), _npy(rows if "view" in table.columns else rows[0]))
    described = zip([files[scan] for scan in scans], *table.columns.values(), strict=True)
    write_csv(folder / ROWS_FILE, ["file", *table.columns], described)


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _parquet(table: VectorTable) -> bytes:
    pyarrow, parquet = _pyarrow()
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(table.named()), file)
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
