"""Fields of headers that are given another value: of NIfTI, of headers in text, and of DICOM."""

import math
import re
import struct
from collections.abc import Iterator

import numpy as np

NUMBERS = ("nan", "inf", "-inf", "0", "-1", "1e308", "-1e30", "1e-30", "1", "2", "7", "255", "32767", "2147483647",
           "4294967296", "99999999999999999999", "0.5", "1e400")  # fmt: skip
"""Numbers that take the place of others."""

TEXTS = (
    *(
        "",
        " ",
        "x",
        "%s%n%d",
        "100 % %d %s",
        "\x1b[2J",
        "\0",
        "1.0-2",
        "0,9 0,9",
        "(1,0",
        "none",
        "(nan,0,0) (0,inf,0) (0,0,1)",
    ),
    *(
        "../../x",
        "/etc/passwd",
        "x" * 5000,
        "%d" * 3000,
        "(" * 5000,
        "\udcff\udcfe",
        "é",
        "1 " * 30000,
        "LIST",
        "True",
        "--1",
    ),
    *("1e", "0x10", "\t", "1\r\n2", "#", "=", ":=", "'", '"mm" "mm"', "s%03d.raw 1 9 1", "MET_OTHER", "LPS", "um"),
)
"""Text that takes the place of a field."""

NEW_FIELDS = (
    *("Comment = ", "ElementNumberOfChannels = ", "HeaderSize = ", "ElementToIntensityFunctionSlope = ", "Modality = "),
    *(
        "AnatomicalOrientation = ",
        "BinaryDataByteOrderMSB = ",
        "ElementSize = ",
        "TransformMatrix = ",
        "CenterOfRotation = ",
    ),
    *(
        "ID = ",
        "ParentID = ",
        "Color = ",
        "AcquisitionDate = ",
        "byte skip: ",
        "line skip: ",
        "space units: ",
        "kinds: ",
    ),
    *(
        "labels: ",
        "content: ",
        "x:=",
        "measurement frame: ",
        "old min: ",
        "axis mins: ",
        "thicknesses: ",
        "centerings: ",
    ),
)
"""Fields of MetaImage and NRRD that are added to a header."""

NIFTI_FIELDS = (
    *((40 + 2 * axis, "h") for axis in range(8)),  # dim
    *((place, "h") for place in (0, 68, 70, 72, 74, 120, 252, 254)),  # datatype, bitpix, slice_start, codes of the affines
    *((76 + 4 * axis, "f") for axis in range(8)),  # pixdim
    *((place, "f") for place in (56, 60, 64, 108, 112, 116, 124, 128, 132, 136, 140)),  # offset, slope, intercept, ...
    *((256 + 4 * at, "f") for at in range(18)),  # quaternion and sform
    *((place, "b") for place in (39, 122, 123, 344, 345, 346, 347, 348)),  # units, magic, extension
)  # fmt: skip
"""Place and type of the fields of a NIfTI-1 header."""


def with_nifti_field(content: bytes, rng: np.random.Generator, value: str) -> bytes:
    """Returns a NIfTI file, not compressed, with one or two fields changed."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 3))):
        place, kind = NIFTI_FIELDS[int(rng.integers(len(NIFTI_FIELDS)))]
        place = min(place, len(changed) - 1)  # the header of a pair ends at 348
        if kind == "f":
            struct.pack_into("<f", changed, place, _as_float(value))
        else:
            bits = 8 if kind == "b" else 16
            number = int(max(-9e18, min(9e18, _as_float(value)))) if _as_float(value) == _as_float(value) else -1
            struct.pack_into(f"<{kind.upper()}", changed, place, number % (1 << bits))
    return bytes(changed)


def _as_float(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return float(len(value))
    return number if abs(number) <= 3e38 or math.isnan(number) else math.copysign(math.inf, number)


def header_lines(content: bytes) -> tuple[list[bytes], bytes]:
    """Returns the lines of a header in text, and the voxels after it."""
    end = content.find(b"\n\n") if content[:4] == b"NRRD" else content.find(b"\n", content.find(b"ElementDataFile"))
    end = len(content) if end < 0 else end
    return content[:end].split(b"\n"), content[end:]


def with_line(content: bytes, rng: np.random.Generator, value: str) -> bytes:
    """Returns a header in text with a field or one of its words changed, lost or doubled, or with a new field."""
    lines, rest = header_lines(content)
    place = int(rng.integers(len(lines)))
    key, mark, old = re.fullmatch(rb"([^:=]*)(:=|: ?| = |)(.*)", lines[place], re.DOTALL).groups()  # type: ignore[union-attr]
    new = value.encode("utf-8", "surrogateescape")
    kind = int(rng.integers(6))
    words = old.split()
    if kind < 2 and words:
        words[int(rng.integers(len(words)))] = new
        lines[place] = key + mark + b" ".join(words)
    elif kind < 4:
        lines[place] = key + mark + new
    elif kind == 4:
        del lines[place]
    else:
        lines.insert(max(1, place), NEW_FIELDS[int(rng.integers(len(NEW_FIELDS)))].encode() + new)
    return b"\n".join(lines) + rest


def elements_of(content: bytes) -> Iterator[tuple[int, str, int, int, int]]:
    """Yields the elements of an explicit little-endian DICOM file: where the length is, type, its bytes, value, length."""
    place = 132
    while place + 8 <= len(content):
        kind = content[place + 4 : place + 6].decode("latin-1")
        long = kind in ("OB", "OW", "SQ", "UN", "UT", "OF")
        length_at, width = (place + 8, 4) if long else (place + 6, 2)
        length = int.from_bytes(content[length_at : length_at + width], "little")
        begin = length_at + width
        if length == 0xFFFFFFFF or begin + length > len(content):
            yield length_at, kind, width, begin, len(content) - begin
            return
        yield length_at, kind, width, begin, length
        place = begin + length


def with_element(content: bytes, rng: np.random.Generator, value: str) -> bytes:
    """Returns a DICOM file with the value of an element, or its length, changed."""
    elements = list(elements_of(content))
    length_at, kind, width, begin, length = elements[int(rng.integers(len(elements)))]
    if kind in ("US", "UL", "SS", "OB", "OW", "UN"):
        bits = 8 * min(length, 4)
        number = _as_float(value)
        whole = int(max(-9e18, min(9e18, number))) if number == number else -1
        return content[:begin] + (whole % (1 << bits)).to_bytes(bits // 8, "little") + content[begin + bits // 8 :]
    if rng.random() < 0.15:  # a length that lies
        lie = int(rng.choice([0, 1, 3, 0xFFFF, 0x7FFF, length + 2, max(0, length - 2)])) % (1 << (8 * width))
        return content[:length_at] + lie.to_bytes(width, "little") + content[length_at + width :]
    new = value.encode("utf-8", "surrogateescape")[: (1 << 16) - 2]
    old = content[begin : begin + length]
    if rng.random() < 0.5 and b"\\" in old:
        parts = old.split(b"\\")
        parts[int(rng.integers(len(parts)))] = new
        new = b"\\".join(parts)[: (1 << 16) - 2]
    new += b" " * (len(new) % 2)
    return content[:length_at] + len(new).to_bytes(width, "little") + new + content[begin + length :]
