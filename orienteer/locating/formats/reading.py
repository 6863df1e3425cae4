"""Reads marked places from a file of any of the formats, by its ending."""

from collections.abc import Callable, Mapping
from pathlib import Path

from orienteer.errors import InputError
from orienteer.locating.formats.slicer_fcsv import read_fcsv
from orienteer.locating.formats.slicer_json import read_slicer_json
from orienteer.locating.formats.table import read_csv
from orienteer.locating.places import Marks

READERS: Mapping[str, Callable[[Path], Marks]] = {
    ".json": read_slicer_json,
    ".fcsv": read_fcsv,
    ".csv": read_csv,
}
"""By the ending of the file's name; ``.mrk.json`` ends in ``.json``."""


def read_points(path: str | Path) -> Marks:
    """Returns the places that a file marks.

    Args:
        path: 3D Slicer's markups (.mrk.json) or list of points (.fcsv), or a CSV file with columns in mm.

    Raises:
        InputError: no such file, another format, or a file without places.

    Example:
        >>> import tempfile
        >>> from orienteer.locating.formats.slicer_json import write_slicer_points
        >>> from orienteer.locating.places import Place
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_slicer_points(Path(folder, "a.mrk.json"), [Place("carina", (1.0, 2.0, 3.0))])
        ...     read_points(f"{folder}/a.mrk.json").places
        (Place(name='carina', point_mm=(1.0, 2.0, 3.0)),)
    """
    file = Path(path)
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        wanted = "markups of 3D Slicer (.mrk.json, .fcsv) or a table (.csv)"
        raise InputError(str(path), wanted=wanted, got=f"a file that ends in {file.suffix or 'nothing'}",
                         do="save the points from 3D Slicer, or give a label map with --labels")  # fmt: skip
    if not file.is_file():
        raise InputError(str(path), wanted="a file with places", got="no such file", do="check the path")
    return reader(file)
