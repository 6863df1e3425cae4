"""Checks of a raw file for errors that SimpleITK corrects silently.

SimpleITK reads a truncated NIfTI as zeros and NaN as 0, turns a spacing of 0 into 1 and a negative one into its
absolute value, and uses one of two contradicting spacings with only a warning on the terminal. Each would give a scan
with wrong values or wrong mm.
"""

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np

from orienteer.scans.refuse import refuse
from orienteer.scans.source import METAIMAGE, NIFTI, NRRD

CHUNK_BYTES = 1 << 20
SPACING_TOLERANCE = 0.01
"""A share. Two spacings in one header may differ by rounding only: 1 % is 5 mm over half a metre."""


def check_raw_header(name: str, path: Path, file_format: str) -> None:
    """Refuses a file that SimpleITK would read with wrong values or wrong mm. Reads a few hundred bytes.

    Raises:
        ScanError: not of its format, a spacing that is zero or negative, or two spacings that contradict each other.
    """
    if file_format == NIFTI:
        _check_nifti_spacing(name, _nifti(name, path))
    elif file_format in (METAIMAGE, NRRD):
        _check_text_spacing(name, path)


def check_whole(name: str, path: Path, file_format: str) -> None:
    """Refuses a NIfTI file that is truncated or damaged, or holds NaN. The readers of the other formats notice.

    A compressed file is decompressed once, in pieces and with its checksum: nothing cheaper finds damage inside it.

    Raises:
        ScanError: fewer bytes than the header promises, a broken gzip stream, or voxels that are not finite.
    """
    if file_format != NIFTI:
        return
    fields = _nifti(name, path)
    count, not_finite, damage = _scanned(path, fields)
    if damage or count < fields.bytes_promised:
        got = f"{count} bytes" + (f" and then a broken gzip stream ({damage})" if damage else "")
        wanted = f"the {fields.bytes_promised} bytes that its header promises"
        refuse(name, wanted, got, "copy or download the file again; it is cut short or damaged")
    if not_finite:
        refuse_not_finite(name, not_finite, int(np.prod(fields.sizes)))


def refuse_not_finite(name: str, count: int, voxels: int) -> NoReturn:
    """Refuses a scan with voxels that are NaN or infinite.

    Raises:
        ScanError: always.
    """
    got = f"{count} of {voxels} voxels that are NaN or infinite"
    refuse(name, "finite values", got, "find out why, then replace them with the value of air")


class _Nifti(NamedTuple):
    sizes: tuple[int, ...]
    bytes_promised: int
    offset: int
    floats: np.dtype[Any] | None  # the type of the values, if it can hold NaN
    pixdim: tuple[float, ...]
    sform_mm: tuple[float, ...] | None  # lengths of the sform's columns, where it is in use


def _nifti(name: str, path: Path) -> _Nifti:
    """Returns the header fields that are checked here; layout as in nifti1.h."""
    raw = _first_bytes(name, path)
    order = next((mark for mark in "<>" if struct.unpack_from(f"{mark}i", raw)[0] == 348), None)
    if order is None or raw[344:347] != b"n+1":
        second = raw[4:7] == b"n+2"
        got = "a NIfTI-2 file, which SimpleITK does not read" if second else "a file that does not begin like one"
        refuse(name, "a NIfTI file", got, "save it as NIfTI-1" if second else "check what the file holds")

    def field(letters: str, place: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + letters, raw, place)

    sizes, (kind,), (bits,), pixdim = field("8h", 40), field("h", 70), field("h", 72), field("8f", 76)
    (offset,), (sform,), rows = field("f", 108), field("h", 254), field("12f", 280)
    used = tuple(max(1, size) for size in sizes[1 : 1 + min(7, max(0, sizes[0]))])
    columns_mm = tuple(float(length) for length in np.linalg.norm(np.reshape(rows, (3, 4))[:, :3], axis=0))
    return _Nifti(
        sizes=used,
        bytes_promised=int(offset) + int(np.prod(used, dtype=np.int64)) * bits // 8,
        offset=int(offset),
        floats={16: np.dtype(f"{order}f4"), 64: np.dtype(f"{order}f8")}.get(kind),
        pixdim=tuple(pixdim[1:4][: len(used)]),
        sform_mm=columns_mm[: len(used)] if sform > 0 else None,
    )


def _check_nifti_spacing(name: str, header: _Nifti) -> None:
    _check_spacing(name, header.pixdim, "pixdim")
    if header.sform_mm is not None and not np.allclose(header.sform_mm, header.pixdim, rtol=SPACING_TOLERANCE, atol=0):
        sform, pixdim = (tuple(round(length, 4) for length in pair) for pair in (header.sform_mm, header.pixdim))
        got = f"{pixdim} in pixdim and {sform} in the sform"
        refuse(name, "one voxel spacing in the header", got, "find out which is right and write the file again")


def _check_text_spacing(name: str, path: Path) -> None:
    text = _first_bytes(name, path, 1 << 14).decode("latin-1")
    match = re.search(r"^(ElementSpacing|ElementSize|spacings)\s*[=:]\s*([^\r\n]+)", text, flags=re.MULTILINE)
    if not match:
        return
    numbers = tuple(float(word) for word in match[2].split() if re.fullmatch(r"[-+0-9.eE]+", word))
    _check_spacing(name, numbers, match[1])


def _check_spacing(name: str, spacing: tuple[float, ...], field: str) -> None:
    if not all(np.isfinite(length) and length > 0 for length in spacing[:3]):
        got = f"{tuple(round(length, 4) for length in spacing)} in {field}"
        refuse(name, "voxel spacings above zero", got, "correct the header; without it positions in mm are unknown")


def _first_bytes(name: str, path: Path, count: int = 540) -> bytes:
    """Returns the first bytes, decompressed if need be, padded with zeros if there are fewer."""
    try:
        with _opened(path) as file:
            return file.read(count).ljust(count, b"\0")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        refuse(name, "a whole gzip file", f"a broken one ({error})", "copy or download it again")


def _scanned(path: Path, fields: _Nifti) -> tuple[int, int, str]:
    """Returns the number of bytes after decompressing, of values that are not finite, and the damage in words, if any.

    SimpleITK's NIfTI reader turns NaN and infinity into 0 silently, so they must be found here.
    """
    if fields.floats is None and not _is_gzip(path):
        return path.stat().st_size, 0, ""
    count = not_finite = 0
    try:
        with _opened(path) as file:
            count = len(file.read(fields.offset))
            while piece := file.read(CHUNK_BYTES):
                values = piece[: max(0, fields.bytes_promised - count)]
                count += len(piece)
                if fields.floats is not None:
                    whole = len(values) // fields.floats.itemsize
                    finite = np.isfinite(np.frombuffer(values, dtype=fields.floats, count=whole))
                    not_finite += whole - int(np.count_nonzero(finite))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return count, not_finite, str(error).split(":")[-1].strip().rstrip(".")[:80]
    return count, not_finite, ""


def _opened(path: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(path) if _is_gzip(path) else path.open("rb")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"
