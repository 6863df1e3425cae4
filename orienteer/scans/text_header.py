"""The text at the start of NRRD and MetaImage files, as far as it says where the voxels lie and how many they are."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from orienteer.files import readable
from orienteer.scans.refuse import refuse
from orienteer.scans.source import METAIMAGE

MOST_BYTES = 4 << 20
"""The longest header that is looked at: it may list thousands of files, one for each slice."""

_FIELD = {True: re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*"), False: re.compile(r"\s*([^:#=]+?)\s*:(?!=)\s*(.*?)\s*")}
_NUMBER = re.compile(r"%0?\d*d")
_BYTES = {
    **dict.fromkeys(("char", "uchar", "signed char", "unsigned char", "int8", "uint8", "int8_t", "uint8_t"), 1),
    **dict.fromkeys(("short", "ushort", "short int", "signed short", "signed short int", "unsigned short"), 2),
    **dict.fromkeys(("unsigned short int", "int16", "uint16", "int16_t", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "uint", "signed int", "unsigned int", "int32", "uint32", "int32_t", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "int64", "uint64"), 8),
    **dict.fromkeys(("int64_t", "uint64_t", "double", "long_long", "ulong_long"), 8),
}
"""Bytes of a value by its type's name: NRRD's words, and MetaImage's without ``MET_``."""


@dataclass(frozen=True)
class TextHeader:
    """Where the voxels of a file lie.

    Attributes:
        fields: values by the name of the field, in small letters; the first one where a field occurs twice.
        data_files: files beside the header that hold the voxels, as it names them; none where they follow the header.
        pattern: whether ``data_files`` is one pattern, such as ``slice%03d.raw``.
        end: where the header ends in its own file, bytes.
    """

    fields: dict[str, str]
    data_files: tuple[str, ...]
    pattern: bool
    end: int

    def bytes_promised(self) -> int | None:
        """Returns the bytes of all voxels before compression; None where the header does not say it in known words."""
        sizes = self.fields.get("dimsize", self.fields.get("sizes", "")).split()
        kind = self.fields.get("elementtype", self.fields.get("type", "")).lower().removeprefix("met_")
        channels = self.fields.get("elementnumberofchannels", "1")
        if kind not in _BYTES or not sizes or not all(re.fullmatch(r"\d{1,9}", word) for word in (*sizes, channels)):
            return None
        return math.prod(int(size) for size in sizes) * int(channels) * _BYTES[kind]


def read_text_header(path: Path, file_format: str) -> TextHeader:
    """Returns the header of a NRRD or MetaImage file.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES).decode("latin-1")  # one byte a letter, so that places in the text are bytes
    fields: dict[str, str] = {}
    end, listed_from, meta = len(text), len(text), file_format == METAIMAGE
    for line in re.finditer(r"[^\n]*\n?", text):
        content = line[0].rstrip("\r\n")
        if not meta and not content:
            end = line.end()
            break
        if match := _FIELD[meta].fullmatch(content):
            field = "data file" if match[1].lower() in ("elementdatafile", "datafile") else match[1].lower()
            fields.setdefault(field, match[2])
            listed_from = line.end() if field == "data file" else listed_from
            if meta and field == "data file":
                end = line.end()
                break
    named = fields.get("data file", "").strip() or "LOCAL"
    first = named.split()[0]
    if first.upper() == "LOCAL":
        return TextHeader(fields, (), False, end)
    if first.upper() == "LIST":
        listed = (line.strip() for line in text[listed_from:].splitlines())
        return TextHeader(fields, tuple(_as_path(line) for line in listed if line), False, end)
    pattern = bool(_NUMBER.search(named))
    return TextHeader(fields, (_as_path(first if pattern else named),), pattern, end)


def _as_path(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def files_beside(name: str, path: Path, file_format: str) -> tuple[Path, ...]:
    """Returns the files that a header names and that exist, in its order; those of a pattern sorted by name.

    Raises:
        ScanError: it names a file outside the folder of the header: a scan holds nothing from elsewhere.
        OSError: the header cannot be opened.
    """
    header = read_text_header(path, file_format)
    files: list[Path] = []
    for data_file in header.data_files:
        inside = os.path.normpath(path.parent.absolute() / data_file)
        if not Path(inside).is_relative_to(os.path.normpath(path.parent.absolute())):
            refuse(name, "voxels in a file beside the header", readable(data_file), "put both files into one folder")
        files += _matching(path.parent / data_file) if header.pattern else [path.parent / data_file]
    return tuple(file for file in files if os.path.lexists(file))


def _matching(pattern: Path) -> list[Path]:
    """Returns the files whose names match a pattern such as ``slice%03d.raw``."""
    words = re.compile(r"\d+".join(re.escape(part) for part in _NUMBER.split(pattern.name)))
    if not pattern.parent.is_dir():
        return []
    return sorted(pattern.parent / name for name in os.listdir(pattern.parent) if words.fullmatch(name))
