"""The files beside a header that hold its voxels: ``.raw`` of ``.mhd`` and ``.nhdr``, ``.img`` of ``.hdr``."""

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from orienteer.scans.file_content import is_pair_header
from orienteer.scans.text_header import METAIMAGE_DATA, MOST_LETTERS, NRRD_DATA, read_text_header

HEADERS = (".mhd", ".mha", ".nhdr", ".nrrd", ".hdr", ".hdr.gz")
"""Endings of files whose voxels may lie in other files."""

MOST_FILES = 10_000
"""How many slices a pattern or a list may name."""


def companions(header: Path) -> tuple[Path, ...]:
    """Returns the files that are there and hold the voxels of a header, sorted; none for a file that holds its own.

    Files outside the header's folder do not belong to it; `check_companions` names them.

    Raises:
        OSError: the header cannot be opened.
    """
    lower = header.name.lower()
    if lower.endswith((".hdr", ".hdr.gz")):
        return _image_of(header)
    if not lower.endswith(HEADERS):
        return ()
    places = {header.parent / name for name in named_files(header) if inside_folder(name)}
    return tuple(sorted(path for path in places if is_there(path)))


def named_files(header: Path) -> list[str]:
    """Returns the names of data files in a MetaImage or NRRD header; none if the voxels follow in the same file.

    Raises:
        OSError: the header cannot be opened.
    """
    text = read_text_header(header)
    value = next((text.fields[key] for key in (*METAIMAGE_DATA, *NRRD_DATA) if key in text.fields), "")
    if value.upper() in ("", "LOCAL"):
        return []
    if value.split()[0].upper() == "LIST":
        return [line for line in text.rest if line][:MOST_FILES]
    return _expanded(value) if "%" in value and len(value) <= MOST_LETTERS else [value]


def inside_folder(name: str) -> bool:
    """Returns whether a name in a header leads to a file in the header's folder or below it.

    Example:
        >>> [inside_folder(name) for name in ("a.raw", "raw/a.raw", "../a.raw", "/data/a.raw", "C:\\\\a.raw")]
        [True, True, False, False, False]
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return not (posix.is_absolute() or windows.is_absolute() or windows.drive or ".." in windows.parts)


def is_there(path: Path) -> bool:
    """Returns whether a file is there. A name that is too long for one names none.

    Example:
        >>> is_there(Path("x" * 5000))
        False
    """
    try:
        return path.is_file()
    except OSError:
        return False


def _image_of(header: Path) -> tuple[Path, ...]:
    if not is_pair_header(header):
        return ()
    stem = re.sub(r"\.hdr(\.gz)?$", "", header.name, flags=re.IGNORECASE)
    names = (f"{stem}{ending}" for ending in (".img", ".IMG", ".img.gz", ".IMG.GZ"))
    return next(((path,) for path in (header.with_name(name) for name in names) if is_there(path)), ())


def _expanded(value: str) -> list[str]:
    """Returns the names that a pattern makes: ``slice%03d.raw 1 20 1`` (first, last, step)."""
    match = re.fullmatch(r"(.*%0?(\d{0,2})d\S*)((?:\s+-?\d+)*)\s*", value)
    numbers = [int(word) for word in match[3].split()] if match else []
    if not match or len(numbers) < 2:
        return [value]
    width, (first, last), step = int(match[2] or 0), numbers[:2], (numbers[2] if len(numbers) > 2 else 1) or 1
    places = range(first, last + (1 if step > 0 else -1), step)[:MOST_FILES]
    return [re.sub(r"%0?\d{0,2}d", f"{place:0{width}d}", match[1], count=1) for place in places]
