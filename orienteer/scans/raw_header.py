"""Checks of a raw header for what SimpleITK corrects, ignores or invents silently.

It turns a spacing of 0 into 1 and a negative one into its absolute value, takes a missing one for 1 mm and any unit of
NRRD and MetaImage for mm. Each would give a scan with wrong values or wrong mm.
"""

import math
import re
from pathlib import Path
from typing import NoReturn

import numpy as np

from orienteer.scans.companions import companions, inside_folder, is_there, named_files
from orienteer.scans.nifti_header import check_nifti_header, check_spacing, read_nifti_header
from orienteer.scans.refuse import refuse
from orienteer.scans.source import METAIMAGE, NIFTI, NRRD
from orienteer.scans.text_header import METAIMAGE_BYTES, METAIMAGE_DATA, TextHeader, numbers, read_text_header, vectors

MOST_AXES = {METAIMAGE: 10, NRRD: 16}
"""More crash the readers."""

LONGEST_LINE = 500
"""Letters of a line of an NRRD header. About twice as many crash its reader."""

MM = frozenset(("mm", "millimeter", "millimeters", "millimetre", "millimetres"))
NO_LENGTH = frozenset(("", "none", "s", "sec", "second", "seconds", "ms", "???"))
"""Units of other axes, such as time, and units left open."""

KNOWN_SPACES = re.compile(
    r"(left|right)-(anterior|posterior)-(superior|inferior)(-time)?|[LR][AP][SI]T?", flags=re.IGNORECASE
)

NO_POSITION = "no position in the header: the first voxel is taken to lie at 0, as ITK does"
NO_DIRECTION = "no directions in the header: its axes are taken to run to the left, back and head, as ITK does"

_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_POSITIONS = ("Offset", "Position", "Origin")
_BYTE_ORDERS = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")

_SIDES = ("RL", "AP", "IS")
"""From which side an axis runs along each axis of LPS: forwards, and backwards."""


def check_raw_header(name: str, path: Path, file_format: str) -> tuple[str, ...]:
    """Refuses a file that SimpleITK would read with wrong values or wrong mm, and returns what is odd but can be decided.

    Raises:
        ScanError: not of its format; sizes, spacings, units or directions that are missing, impossible, or contradict each
            other; a file of voxels that is missing or lies outside the header's folder.
    """
    if file_format == NIFTI:
        return _check_nifti(name, path)
    text = read_text_header(path)
    notes = _check_metaimage(name, text) if file_format == METAIMAGE else _check_nrrd(name, text)
    files = named_files(path)
    if len(set(files)) < len(files):
        got = f"{next(file for file in files if files.count(file) > 1)[-80:]} twice"
        refuse(name, "each file of voxels named once", got, "correct the names in the header")
    for file in files:
        if not inside_folder(file):
            got = f"{file[-80:]}, which lies elsewhere"
            refuse(name, "voxels in the header's folder", got, "copy them there and name them in the header")
        if not is_there(path.parent / file):
            got = f"one without its voxels in {file[-80:]}"
            refuse(name, f"a whole {file_format} file", got, "copy all its files, under the names in the header")
    return notes


def _check_nifti(name: str, path: Path) -> tuple[str, ...]:
    header = read_nifti_header(name, path)
    if header.pair and not companions(path):
        wanted, got = "a file with the voxels beside the header", f"{path.name} without its .img"
        refuse(name, wanted, got, "copy both files of the pair, under one name")
    return check_nifti_header(name, header)


def _check_metaimage(name: str, text: TextHeader) -> tuple[str, ...]:
    fields = text.fields
    if not {"NDims", "DimSize"} <= set(fields) or not set(METAIMAGE_DATA) & set(fields):
        refuse(name, "a whole MetaImage file", "a file that does not begin like one", "check what the file holds")
    if fields.get("ElementType") not in METAIMAGE_BYTES:
        got = f"ElementType {fields.get('ElementType', '')[:40]}"
        refuse(name, "a type of one value, such as MET_SHORT", got, "save it with another type, such as MET_SHORT")
    if text.twice:
        got, do = f"{text.twice} twice, with two values", "find out which is right, and remove the other"
        refuse(name, "each field of the header once", got, do)
    if fields.get("BinaryData", "True")[:1] in ("F", "f", "0"):
        refuse(name, "values in binary form", "BinaryData = False (text)", "save the file again with binary values")
    if len({fields[key][:1].upper() for key in _BYTE_ORDERS if key in fields}) > 1:
        got, do = f"{' and '.join(_BYTE_ORDERS)} that differ", "find out which is right, and remove the other"
        refuse(name, "one byte order in the header", got, do)
    axes = _axes(name, fields["NDims"], "NDims", METAIMAGE)
    _check_sizes(name, fields["DimSize"], "DimSize", axes)
    _check_sizes(name, fields.get("ElementNumberOfChannels", "1"), "ElementNumberOfChannels", 1)
    spacing = next((key for key in ("ElementSpacing", "ElementSize") if key in fields), None)
    if spacing is None:
        _refuse_no_spacing(name, "neither ElementSpacing nor ElementSize")
    check_spacing(name, _numbers(name, fields[spacing], spacing, axes), spacing)
    notes = _check_given_once(name, fields, _DIRECTIONS, axes * axes, NO_DIRECTION) + _anatomical(name, fields, axes)
    notes += _check_given_once(name, fields, _POSITIONS, axes, NO_POSITION)
    _check_units(name, fields.get("DistanceUnits", ""), "DistanceUnits")
    slope = _numbers(name, fields.get("ElementToIntensityFunctionSlope", "1"), "ElementToIntensityFunctionSlope", 1)
    offset = _numbers(name, fields.get("ElementToIntensityFunctionOffset", "0"), "ElementToIntensityFunctionOffset", 1)
    if (*slope, *offset) != (1.0, 0.0):
        got = f"ElementToIntensityFunction with slope {slope[0]:g} and offset {offset[0]:g}, which readers ignore"
        refuse(name, "values as they are stored", got, "apply it, and save the file without it")
    return notes


def _anatomical(name: str, fields: dict[str, str], axes: int) -> tuple[str, ...]:
    """Returns a note where AnatomicalOrientation names other directions than the matrix, which alone counts in ITK.

    RAI means that axes run from right, front and foot to left, back and head, as those of the identity do.
    """
    word = fields.get("AnatomicalOrientation", "").upper()
    if axes < 3 or len(word) != 3 or any(letter not in "RLAPSI" for letter in word):
        return ()
    key = next((key for key in _DIRECTIONS if key in fields), None)
    matrix = (
        np.eye(3) if key is None else np.reshape(_numbers(name, fields[key], key, axes * axes), (axes, axes))[:3, :3]
    )
    main = [int(np.abs(row).argmax()) for row in matrix]  # row a is the direction of axis a
    runs = "".join(_SIDES[side][0 if row[side] > 0 else 1] for row, side in zip(matrix, main, strict=True))
    if runs == word:
        return ()
    return (
        f"AnatomicalOrientation {word} where the directions in the header run {runs}; the directions count, as in ITK",
    )


def _check_given_once(
    name: str, fields: dict[str, str], keys: tuple[str, ...], count: int, missing: str
) -> tuple[str, ...]:
    """Refuses fields that mean the same and differ, and returns a note where there is none of them."""
    given = {key: _numbers(name, fields[key], key, count) for key in keys if key in fields}
    for key, values in given.items():
        _check_finite(name, values, key)
    if len(set(given.values())) > 1:
        (first, one), (second, other), *_ = given.items()
        got = f"{first} {' '.join(f'{value:g}' for value in one)} and {second} {' '.join(f'{value:g}' for value in other)}"
        refuse(name, "one place in the header", got, "find out which is right, and remove the other")
    return () if given else (missing,)


def _check_nrrd(name: str, text: TextHeader) -> tuple[str, ...]:
    fields = text.fields
    if not {"dimension", "sizes"} <= set(fields):
        refuse(name, "a whole NRRD file", "a file that does not begin like one", "check what the file holds")
    if text.longest > LONGEST_LINE:
        got = f"one of {text.longest}"
        refuse(
            name,
            f"lines of at most {LONGEST_LINE} letters in the header",
            got,
            "correct the header, or export the scan again",
        )
    axes = _axes(name, fields["dimension"], "dimension", NRRD)
    _check_sizes(name, fields["sizes"], "sizes", axes)
    if "space directions" in fields:
        _check_space_directions(name, fields["space directions"], axes)
    elif "spacings" in fields:
        spacing = _numbers(name, fields["spacings"], "spacings", axes)
        # An axis that is not one of space may have nan.
        known = tuple(length for length in spacing if not math.isnan(length))
        check_spacing(name, known if len(known) >= min(axes, 3) else spacing, "spacings")
    else:
        _refuse_no_spacing(name, "neither `space directions` nor `spacings`")
    if "time" in fields.get("kinds", "").lower().split()[:3]:
        refuse(name, "three axes of space", f"kinds {fields['kinds']}", "save each 3D scan in a file of its own")
    if "old min" in fields or "oldmin" in fields or "old max" in fields or "oldmax" in fields:
        got = "values that were quantised (old min, old max), which readers ignore"
        refuse(name, "values as they are stored", got, "undo it (teem: unu unquantize), and save the file without it")
    if "space origin" in fields:
        origin = vectors(fields["space origin"])
        if origin is None or len(origin) != 1 or origin[0] is None:
            _refuse_field(name, "space origin", fields["space origin"])
        _check_finite(name, origin[0], "space origin")
    for key in ("space units", "units"):
        for unit in re.findall(r'"([^"]*)"', fields.get(key, "")):
            _check_units(name, unit, key)
    notes = () if "space origin" in fields else (NO_POSITION,)
    space = fields.get("space", "")
    if not KNOWN_SPACES.fullmatch(space):
        words = f"space {space}, which does not say" if space else "no `space`, which would say"
        return (f"{words} where left is: its axes are taken to run to the left, back and head, as ITK does", *notes)
    return notes


def _check_space_directions(name: str, value: str, axes: int) -> None:
    directions = vectors(value)
    if directions is None or len(directions) != axes:
        _refuse_field(name, "space directions", value)
    known = [vector for vector in directions if vector is not None]
    if len(known) < min(axes, 3):
        _refuse_no_spacing(name, f"`space directions` for {len(known)} axes")
    for vector in known:
        _check_finite(name, vector, "space directions")
    check_spacing(name, tuple(math.hypot(*vector) for vector in known), "space directions")


def _axes(name: str, value: str, field: str, file_format: str) -> int:
    axes = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
    if not 1 <= axes <= MOST_AXES[file_format]:
        refuse(name, f"1 to {MOST_AXES[file_format]} axes", f"{field} {value[:40]}", "check what the file holds")
    return axes


def _check_sizes(name: str, value: str, field: str, axes: int) -> None:
    words = value.split()
    if len(words) != axes or not all(word.isascii() and word.isdigit() and 0 < int(word) < 1 << 31 for word in words):
        got = f"{field} {value[:60]}"
        refuse(name, f"{axes} sizes of one voxel or more", got, "correct the header, or export the scan again")


def _numbers(name: str, value: str, field: str, count: int) -> tuple[float, ...]:
    values = numbers(value)
    if values is None or len(values) != count:
        refuse(name, f"{count} numbers in {field}", repr(value[:60]), "correct the header, or export the scan again")
    return values


def _check_finite(name: str, values: tuple[float, ...], field: str) -> None:
    if not all(math.isfinite(value) for value in values):
        refuse(name, f"finite numbers in {field}", " ".join(f"{value:g}" for value in values), "correct the header")


def _check_units(name: str, unit: str, field: str) -> None:
    """Refuses lengths in another unit than mm, since the readers of these formats take any unit for mm."""
    if unit.lower() not in MM | NO_LENGTH:
        got = f"{unit[:20]} in {field}, which readers take for mm"
        refuse(name, "lengths in mm", got, "write the file with lengths in mm")


def _refuse_no_spacing(name: str, got: str) -> NoReturn:
    refuse(name, "a voxel size in the header", got, "write it into the header; without it positions in mm are unknown")


def _refuse_field(name: str, field: str, value: str) -> NoReturn:
    refuse(
        name, f"vectors such as (1,0,0) in {field}", repr(value[:60]), "correct the header, or export the scan again"
    )
