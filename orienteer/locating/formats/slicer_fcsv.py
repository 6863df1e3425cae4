"""3D Slicer's older list of points (.fcsv): comment lines that state frame and columns, then one point a line."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from orienteer.errors import InputError
from orienteer.files import write_text
from orienteer.locating.formats.slicer_json import Frame
from orienteer.locating.places import Marks, Place, checked_places, flipped
from orienteer.text import decoded

COLUMNS = ("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID")
"""The columns as Slicer writes them since version 4.3; a file names its own."""

FRAMES: dict[str, Frame] = {"RAS": "RAS", "0": "RAS", "LPS": "LPS", "1": "LPS"}
"""Slicer wrote the frame as a number until 4.11."""


def read_fcsv(path: Path) -> Marks:
    """Returns the points of a list. Without a line that states the frame it is RAS, as in the oldest files.

    Raises:
        InputError: it cannot be read, holds no point, or is in voxels (IJK).
    """
    try:
        lines = decoded(path.read_bytes()).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        got = f"none that can be read ({type(error).__name__})"
        raise InputError(str(path), wanted="a list of points of 3D Slicer", got=got, do="check the path") from error
    comments = [line.lstrip("# ").partition("=") for line in lines if line.startswith("#")]
    stated = {key.strip().lower(): value.strip() for key, _, value in comments}
    frame = FRAMES.get(stated.get("coordinatesystem", "RAS"))
    if frame is None:
        got = stated["coordinatesystem"]
        raise InputError(str(path), wanted="points in RAS or LPS", got=got, do="save them from 3D Slicer as .mrk.json")
    columns = [name.strip() for name in stated["columns"].split(",")] if "columns" in stated else list(COLUMNS)
    rows = csv.reader(io.StringIO("\n".join(line for line in lines if line.strip() and not line.startswith("#"))))
    names, points = [], []
    for number, row in enumerate(rows, start=1):
        known = dict(zip(columns, row, strict=False))
        names.append(known.get("label", ""))
        points.append(_position(path, number, known))
    positions = np.array(points, np.float64).reshape(-1, 3)
    return Marks(checked_places(str(path), names, flipped(positions) if frame == "LPS" else positions))


def write_fcsv(path: Path, places: Sequence[Place], frame: Frame = "LPS") -> None:
    """Writes points as a list for Slicer, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for number, place in enumerate(places, start=1):
        point = np.array(place.point_mm)
        values = ((flipped(point) if frame == "LPS" else point) + 0.0).tolist()
        writer.writerow([number, *(repr(value) for value in values), 0, 0, 0, 1, 1, 1, 0, place.name, "", ""])
    head = f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {frame}\n# columns = {','.join(COLUMNS)}\n"
    write_text(path, head + text.getvalue())


def _position(path: Path, number: int, row: dict[str, str]) -> list[float]:
    try:
        return [float(row[axis]) for axis in "xyz"]
    except (KeyError, ValueError) as error:
        got = ", ".join(row.get(axis, "nothing") for axis in "xyz")
        wanted = "three numbers x, y, z"
        raise InputError(
            f"{path}, point {number}", wanted=wanted, got=got, do="save it from 3D Slicer again"
        ) from error
