"""Headers in text: MetaImage (``key = value``) and NRRD (``key: value``), read strictly, before ITK reads them.

ITK takes 1.0-2 for two numbers, a missing voxel size for 1 mm and any unit for mm, and some damaged headers crash it.
"""

import gzip
import re
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orienteer.scans.file_content import opened

USUAL_BYTES, MOST_BYTES = 1 << 14, 1 << 20
"""Most headers end within the first; none that is read is longer than the second."""

MOST_LETTERS, MOST_DIGITS = 4096, 64
"""No field that is read here is longer, no number in it has more digits. Patterns take long on longer ones."""

METAIMAGE_DATA = ("ElementDataFile",)
"""The field that ends a MetaImage header."""

METAIMAGE_BYTES = {
    **{"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4},
    **{"MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8},
}
"""Bytes per value of MetaImage's types."""

NRRD_DATA = ("data file", "datafile")

_FREE_TEXT = ("content", "sample units")
"""Fields of NRRD that may be of any length."""

_LAST_FIELD = re.compile(rb"ElementDataFile[ \t]*=(?![ \t]*LIST)[^\n]*\n")
"""The end of a MetaImage header. Names of files follow a LIST."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", flags=re.IGNORECASE)


class TextHeader(NamedTuple):
    """The fields of a header as text.

    Attributes:
        fields: value by key; of a key that comes twice the last, as ITK has it.
        rest: the lines after a data file that is given as a LIST.
        length: bytes until the voxels, if they follow in the same file.
        longest: letters of the longest line of an NRRD file, free text aside.
        twice: the first key that comes twice with different values in a MetaImage header; empty if none does.
    """

    fields: dict[str, str]
    rest: list[str]
    length: int
    longest: int = 0
    twice: str = ""


def read_text_header(path: Path) -> TextHeader:
    """Returns the fields of a MetaImage or NRRD header; none if the file does not begin like one.

    Raises:
        OSError: the file cannot be opened.
    """
    content = b""
    with opened(path) as file, suppress(EOFError, zlib.error, gzip.BadGzipFile):
        content = file.read(USUAL_BYTES)
        if len(content) == USUAL_BYTES and b"\n\n" not in content and not _LAST_FIELD.search(content):
            content += file.read(MOST_BYTES - USUAL_BYTES)
    return _nrrd(content) if content[:4] == b"NRRD" else _metaimage(content)


def _metaimage(content: bytes) -> TextHeader:
    fields: dict[str, str] = {}
    place, twice = 0, ""
    while place < len(content):
        end = content.find(b"\n", place) + 1 or len(content)
        line = content[place:end].decode("latin-1")
        place = end
        key, *values = re.split(r"[=:]", line, maxsplit=1)
        value = values[0] if values else ""
        if not values:
            if line.strip():
                break  # a line that is no field: the voxels, or another kind of file
            continue
        if fields.setdefault(key.strip(), value.strip()) != value.strip():
            twice = twice or key.strip()
        fields[key.strip()] = value.strip()
        if key.strip() in METAIMAGE_DATA:
            rest = content[place:].decode("latin-1").splitlines() if value.strip().upper().startswith("LIST") else []
            return TextHeader(fields, [name.strip() for name in rest], place, twice=twice)
    return TextHeader(fields, [], place, twice=twice)


def _nrrd(content: bytes) -> TextHeader:
    fields: dict[str, str] = {}
    blank = re.search(rb"\r?\n\r?\n", content)
    head, length = (content[: blank.start()], blank.end()) if blank else (content, len(content))
    rest: list[str] = []
    longest = 0
    for line in head.decode("utf-8", "replace").splitlines()[1:]:
        key, colon, value = line.partition(":")
        if line.startswith("#"):
            continue
        if not value.startswith("=") and key not in _FREE_TEXT:
            longest = max(longest, len(line))
        if fields.get("data file", fields.get("datafile", "")).upper().startswith("LIST"):
            rest.append(line.strip())
        elif colon and not value.startswith("="):  # := are notes of the user's
            fields[key.strip().lower()] = value.strip()
    return TextHeader(fields, rest, length, longest)


def numbers(value: str) -> tuple[float, ...] | None:
    """Returns the numbers of a field; None if anything in it is not a number. ``nan`` is one, ``1.0-2`` is not.

    Example:
        >>> numbers("1 2.5 nan"), numbers("1.0-2 1"), numbers("0,9 0,9")
        ((1.0, 2.5, nan), None, None)
    """
    words = value.split()
    return tuple(float(word) for word in words) if all(_is_number(word) for word in words) else None


def vectors(value: str) -> list[tuple[float, ...] | None] | None:
    """Returns the vectors of an NRRD field, None for each ``none``; None if anything in it is neither.

    Example:
        >>> vectors("none (1,0,0) (0, 2,0)"), vectors("(1;0;0)")
        ([None, (1.0, 0.0, 0.0), (0.0, 2.0, 0.0)], None)
    """
    found: list[tuple[float, ...] | None] = []
    if len(value) > MOST_LETTERS:
        return None
    for word in re.findall(r"none|\([^)]*\)|[^\s(]+", value):
        vector = None if word == "none" else numbers(word.strip("()").replace(",", " "))
        if word != "none" and (vector is None or not word.startswith("(")):
            return None
        found.append(vector)
    return found


def _is_number(word: str) -> bool:
    return len(word) <= MOST_DIGITS and _NUMBER.fullmatch(word) is not None
