"""Whether a file holds the voxels that its header promises: no fewer, no more, unharmed, and finite.

SimpleITK reads a truncated NIfTI as zeros and NaN in it as 0, stops at the size that the header says however much
follows, and accepts some damage inside a compressed file.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from orienteer.scans.companions import companions
from orienteer.scans.file_content import LARGEST_RATIO, damage_in_words, is_gzip, opened
from orienteer.scans.nifti_header import NiftiHeader, read_nifti_header
from orienteer.scans.refuse import refuse
from orienteer.scans.source import METAIMAGE, NIFTI
from orienteer.scans.text_header import METAIMAGE_BYTES, TextHeader, read_text_header

CHUNK_BYTES = 1 << 20

NRRD_BYTES = {"char": 1, "short": 2, "int": 4, "float": 4, "double": 8, "longlong": 8}
"""Bytes per value by the words of NRRD, without signs."""


class Stream(NamedTuple):
    """Where the voxels of a file with a header in text lie.

    Attributes:
        files: that hold them, one after the other.
        skip: bytes before them, in each.
        lines: lines before them, in each.
        most: how many bytes they take as they are stored; None for all that follow.
    """

    files: tuple[Path, ...]
    skip: int
    lines: int = 0
    most: int | None = None


def check_whole(name: str, path: Path, file_format: str) -> tuple[str, ...]:
    """Refuses a file that is truncated, damaged, too long or holds NaN, and returns what is odd but harmless.

    A compressed file is decompressed once, in pieces and with its checksum: nothing cheaper finds damage inside it.

    Raises:
        ScanError: fewer bytes than the header promises or more by a slice, a broken stream, or voxels that are not finite.
    """
    if file_format == NIFTI:
        return _check_nifti(name, path)
    text = read_text_header(path)
    return _check_metaimage(name, path, text) if file_format == METAIMAGE else _check_nrrd(name, path, text)


def check_plausible(name: str, files: Iterable[Path], promised: int) -> None:
    """Refuses a compressed file that is far too small for what its header promises, before memory is asked for.

    Raises:
        ScanError: even the best compression could not make it so small.
    """
    size = sum(file.stat().st_size for file in files)
    if promised > size * LARGEST_RATIO + CHUNK_BYTES:
        got, do = f"{size} bytes, compressed", "copy or download it again; it is cut short or damaged"
        refuse(name, f"the {promised} bytes that its header promises", got, do)


def refuse_not_finite(name: str, count: int, voxels: int) -> NoReturn:
    """Refuses a scan with voxels that are NaN or infinite.

    Raises:
        ScanError: always.
    """
    got = f"{count} of {voxels} voxels that are NaN or infinite"
    refuse(name, "finite values", got, "find out why, then replace them with the value of air")


def _check_nifti(name: str, path: Path) -> tuple[str, ...]:
    header = read_nifti_header(name, path)
    data = companions(path)[0] if header.pair else path
    compressed = is_gzip(data)
    if compressed:
        check_plausible(name, [data], header.bytes_promised)
    if not compressed and header.kind.kind != "f":
        return _compare(name, data.stat().st_size, header.bytes_promised, header.slice_bytes)
    constant = _Constant()
    count, not_finite, damage = _scanned(name, data, header, constant)
    notes = _compare(name, count, header.bytes_promised, header.slice_bytes, damage)
    if not_finite:
        refuse_not_finite(name, not_finite, math.prod(header.sizes))
    constant.check(name)
    return notes


def _check_metaimage(name: str, path: Path, text: TextHeader) -> tuple[str, ...]:
    fields = text.fields
    beside = companions(path)
    value = METAIMAGE_BYTES.get(fields.get("ElementType", ""), 0) * int(fields.get("ElementNumberOfChannels", "1"))
    sizes = [int(word) for word in fields["DimSize"].split()]
    compressed = fields.get("CompressedData", "")[:1] in ("T", "t", "1")
    size = 0
    if compressed and not beside and "CompressedDataSize" not in fields:
        do = "save the file again; where it is missing, the usual readers give other values"
        refuse(name, "the size of the compressed voxels in the header", "no CompressedDataSize", do)
    if compressed and len(beside) < 2 and "CompressedDataSize" in fields:
        size = _count(fields, "CompressedDataSize")
        if not size:
            _refuse_size(name, fields["CompressedDataSize"][:40])
    stream = Stream(beside or (path,), 0 if beside else text.length, most=size or None)
    text_values = fields.get("BinaryData", "True")[:1] in ("F", "f", "0")
    known = value and not text_values and (compressed or (len(beside) < 2 and fields.get("HeaderSize", "0") == "0"))
    notes = _check_stream(name, stream, [sizes[0] * value, *sizes[1:]], compressed) if known else ()
    held = sum(file.stat().st_size for file in stream.files) - stream.skip
    if size > held:
        _refuse_size(name, f"{size}, with {held} bytes in the file")
    return notes


def _refuse_size(name: str, got: str) -> NoReturn:
    do = "copy or download the file again; it is cut short or damaged"
    refuse(name, "the size of the compressed voxels", f"CompressedDataSize {got}", do)


def _check_nrrd(name: str, path: Path, text: TextHeader) -> tuple[str, ...]:
    fields = text.fields
    beside = companions(path)
    encoding = fields.get("encoding", "").lower()
    value, lines = _nrrd_bytes(fields.get("type", "")), _count(fields, "line skip", "lineskip")
    sizes = [int(word) for word in fields["sizes"].split()]
    stream = Stream(beside or (path,), 0 if beside else text.length, lines)
    compressed = encoding in ("gzip", "gz")
    skipped = lines or fields.get("byte skip", fields.get("byteskip", "0")) != "0"
    known = value and (compressed or (encoding == "raw" and len(beside) < 2 and not skipped))
    return _check_stream(name, stream, [sizes[0] * value, *sizes[1:]], compressed) if known and value else ()


def _count(fields: dict[str, str], *names: str) -> int:
    """Returns a whole number from the first field that is there; 0 where none is."""
    text = next((fields[name] for name in names if name in fields), "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _nrrd_bytes(words: str) -> int | None:
    """Returns the bytes of a value by its type in words: ``short``, ``unsigned short int``, ``uint16_t``.

    Example:
        >>> [_nrrd_bytes(words) for words in ("short", "unsigned short int", "uint16_t", "unsigned int", "block")]
        [2, 2, 2, 4, None]
    """
    bits = re.search(r"(8|16|32|64)(_t)?$", words)
    if bits:
        return int(bits[1]) // 8
    plain = "".join(word for word in words.split() if word not in ("signed", "unsigned"))
    return NRRD_BYTES.get(plain.removeprefix("u").removesuffix("int") or "int")


def _check_stream(name: str, stream: Stream, sizes_bytes: list[int], compressed: bool) -> tuple[str, ...]:
    """Compares the voxels in a stream with what was promised.

    Args:
        sizes_bytes: voxels along each axis, the first in bytes.
    """
    promised, one_slice = math.prod(sizes_bytes), math.prod(sizes_bytes[:2])
    if not compressed:
        return _compare(name, sum(file.stat().st_size for file in stream.files) - stream.skip, promised, one_slice)
    check_plausible(name, stream.files, promised)
    count, constant = 0, _Constant()
    for file in stream.files:
        try:
            for piece in _decompressed(file, stream):
                constant.add(piece)
                count += len(piece)
                _check_not_endless(name, count, promised)
        except (EOFError, zlib.error) as error:
            return _compare(name, count, promised, one_slice, damage_in_words(error))
    notes = _compare(name, count, promised, one_slice)
    constant.check(name)
    return notes


MOST_CONSTANT_BYTES = 1 << 26
"""Fewer bytes of one value are read: an empty label map is right, and a constant scan is refused in other words later."""


class _Constant:
    """Whether all bytes of a stream are one and the same: a small file may hold gigabytes of them."""

    def __init__(self) -> None:
        self.only: bytes | None = b""
        self.count = 0

    def add(self, piece: bytes) -> None:
        """Takes the next piece of the stream."""
        self.count += len(piece)
        if self.only is not None and piece:
            self.only = self.only or piece[:1]
            if piece.count(self.only) != len(piece):
                self.only = None

    def check(self, name: str) -> None:
        """Refuses a stream of one byte, before memory is asked for."""
        if self.only and self.count > MOST_CONSTANT_BYTES:
            refuse(name, "an image", "one value in every voxel", "check how the file was written")


def _check_not_endless(name: str, count: int, promised: int) -> None:
    """Refuses a stream as soon as it holds far more than it should, which may be a thousand times what the file holds."""
    if count > 2 * promised + CHUNK_BYTES:
        got = "more than twice as many"
        refuse(name, f"the {promised} bytes that its header promises", got, "find out what the file holds")


def _compare(name: str, count: int, promised: int, one_slice: int, damage: str = "") -> tuple[str, ...]:
    if damage or count < promised:
        got = f"{count} bytes" + (f" and then a broken stream ({damage})" if damage else "")
        do = "copy or download the file again; it is cut short or damaged"
        refuse(name, f"the {promised} bytes that its header promises", got, do)
    more = count - promised
    if more >= one_slice:
        got = f"{count}, which is {more / one_slice:.4g} slices more"
        refuse(
            name,
            f"the {promised} bytes that its header promises",
            got,
            "find out how many slices it has, and correct the header",
        )
    return (f"{more} bytes after the last voxel are ignored",) if more else ()


def _scanned(name: str, path: Path, header: NiftiHeader, constant: _Constant) -> tuple[int, int, str]:
    """Returns the number of bytes after decompressing, of values that are not finite, and the damage in words, if any."""
    count = not_finite = 0
    try:
        with opened(path) as file:
            while count < header.offset and (piece := file.read(min(CHUNK_BYTES, header.offset - count))):
                count += len(piece)
            while piece := file.read(CHUNK_BYTES):
                _check_not_endless(name, count, header.bytes_promised)
                values = piece[: max(0, header.bytes_promised - count)]
                constant.add(values)
                count += len(piece)
                if header.kind.kind == "f":
                    whole = len(values) // header.kind.itemsize
                    finite = np.isfinite(np.frombuffer(values, dtype=header.kind, count=whole))
                    not_finite += whole - int(np.count_nonzero(finite))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return count, not_finite, damage_in_words(error)
    return count, not_finite, ""


def _decompressed(path: Path, stream: Stream) -> Iterator[bytes]:
    """Yields a zlib stream or gzip streams in pieces; their checksums are compared at their ends.

    Raises:
        EOFError: it ends early.
        zlib.error: it is damaged.
    """
    with path.open("rb") as file:
        file.seek(stream.skip)
        for _ in range(stream.lines):
            if not file.readline(CHUNK_BYTES):
                break
        inflater, data, left = zlib.decompressobj(47), b"", stream.most  # 47: zlib or gzip, whichever it is
        while True:
            if not data:
                data = file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                left = None if left is None else left - len(data)
            piece = inflater.decompress(data, CHUNK_BYTES)
            if not data and not piece and not inflater.eof:
                raise EOFError("the stream ends early")
            yield piece
            data = inflater.unconsumed_tail
            if inflater.eof:
                data = inflater.unused_data or file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not data.startswith(b"\x1f\x8b"):
                    return  # whatever follows the last stream is not read
                inflater = zlib.decompressobj(47)
