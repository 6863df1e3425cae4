"""Files by their content: gzip or not, and what format, whatever their names say."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import SimpleITK as sitk

from orienteer.files import readable
from orienteer.scans.source import METAIMAGE, NIFTI, NRRD

HEADER_BYTES = 540
"""Enough to know each format by."""

LARGEST_RATIO = 1040
"""Deflate, which gzip and zlib use, makes data at most 1032 times smaller."""

_IMAGE_IO = {NIFTI: "NiftiImageIO", NRRD: "NrrdImageIO", METAIMAGE: "MetaImageIO"}


def opened(path: Path) -> gzip.GzipFile | BinaryIO:
    """Returns a file open for reading, decompressed if it is gzip inside."""
    return gzip.open(path) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Returns whether a file begins like gzip."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def format_of(path: Path) -> str | None:
    """Returns the format that a file has by its first bytes; None if it is none of those read here.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.dat").write_bytes(gzip.compress(b"NRRD0004"))
        ...     format_of(Path(folder, "a.dat"))
        'NRRD'
    """
    try:
        with opened(path) as file:
            start = file.read(HEADER_BYTES)
    except (OSError, EOFError):
        return None
    if start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2"):
        return NIFTI
    if start[:4] == b"NRRD":
        return NRRD
    return METAIMAGE if start.lstrip().startswith((b"ObjectType", b"NDims")) and b"=" in start else None


def is_pair_header(path: Path) -> bool:
    """Returns whether a .hdr file is the header of a NIfTI or Analyze image, and not that of another program."""
    try:
        with opened(path) as file:
            start = file.read(4)
    except EOFError:
        return False
    return 348 in (int.from_bytes(start, "little"), int.from_bytes(start, "big"))


def damage_in_words(error: Exception) -> str:
    """Returns what is wrong with a compressed stream, without the number that zlib puts in front.

    Example:
        >>> damage_in_words(ValueError("Error -3 while decompressing data: invalid distance code"))
        'invalid distance code'
    """
    return str(error).split(":")[-1].strip().rstrip(".")[:80]


@contextmanager
def image_reader(path: Path, file_format: str | None = None) -> Iterator[sitk.ImageFileReader]:
    """Gives a SimpleITK reader of a file. A NIfTI file whose ending is wrong about gzip is read as what it is.

    Args:
        path: the file; it must stay there while the reader is used.
        file_format: the format to read it as; by default SimpleITK decides by name and content.
    """
    reader = sitk.ImageFileReader()
    if file_format is not None:
        reader.SetImageIO(_IMAGE_IO[file_format])
    if not path.name.lower().endswith(".nii") or not is_gzip(path):  # a plain file named .gz is read by zlib as it is
        reader.SetFileName(readable(path))
        yield reader
        return
    with tempfile.TemporaryDirectory(prefix="orienteer-") as folder:
        link = Path(folder, "scan.nii.gz")
        try:
            os.symlink(path.resolve(), link)
        except OSError:  # where links need a permission
            shutil.copyfile(path, link)
        reader.SetFileName(readable(link))
        yield reader
