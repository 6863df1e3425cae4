"""Damaged copies of small scans of five formats: flipped and lost bytes, fields of other kinds, sizes that lie, gzip bombs.

Everything is drawn from a generator that is passed in, so that one seed makes the same files again.
"""

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import RLELossless

from benchmarks.fault_fields import (
    NUMBERS,
    TEXTS,
    elements_of,
    header_lines,
    with_element,
    with_line,
    with_nifti_field,
)
from tests.helpers.files import image_of, noise, write_dicom

SHAPE = (14, 13, 12)

FORMATS = ("nifti", "pair", "nrrd", "metaimage", "dicom")


class Base(NamedTuple):
    """A sound scan.

    Attributes:
        format: one of `FORMATS`.
        name: of the folder that holds it.
        files: content by file name.
        checksummed: names of files whose voxels carry a checksum, and the byte where they begin.
    """

    format: str
    name: str
    files: dict[str, bytes]
    checksummed: dict[str, int]


class Mutant(NamedTuple):
    """A scan with a damaged file.

    Attributes:
        base: name of the sound scan.
        kind: of the damage.
        files: content by file name.
        checked: whether the damage lies in voxels with a checksum, by which it must be found.
    """

    base: str
    kind: str
    files: dict[str, bytes]
    checked: bool


def bases(folder: Path) -> list[Base]:
    """Returns sound scans of every format, in several forms. They are written in ``folder`` first."""
    image = image_of(noise(SHAPE))
    made: dict[str, tuple[str, tuple[str, ...], bool]] = {
        "nii": ("nifti", ("a.nii",), False),
        "nii-gz": ("nifti", ("a.nii.gz",), False),
        "nii-float": ("nifti", ("a.nii",), False),
        "hdr": ("pair", ("a.hdr", "a.img"), False),
        "hdr-gz": ("pair", ("a.hdr", "a.img"), False),
        "nrrd": ("nrrd", ("a.nrrd",), False),
        "nrrd-gz": ("nrrd", ("a.nrrd",), True),
        "nhdr": ("nrrd", ("a.nhdr", "a.raw"), False),
        "nhdr-gz": ("nrrd", ("a.nhdr", "a.raw.gz"), True),
        "mha": ("metaimage", ("a.mha",), False),
        "mha-zlib": ("metaimage", ("a.mha",), True),
        "mhd": ("metaimage", ("a.mhd", "a.raw"), False),
        "mhd-zlib": ("metaimage", ("a.mhd", "a.zraw"), True),
    }
    found = []
    for name, (file_format, files, compressed) in made.items():
        (folder / name).mkdir(parents=True)
        if file_format == "pair":
            affine = np.diag([-1.0, -2.0, 3.0, 1.0])
            nibabel.save(nibabel.Nifti1Pair(noise(SHAPE), affine), folder / name / "a.hdr")
        else:
            float_image = sitk.Cast(image, sitk.sitkFloat32)
            sitk.WriteImage(float_image if "float" in name else image, str(folder / name / files[0]), compressed)
        content = {path.name: path.read_bytes() for path in sorted((folder / name).iterdir())}
        if name == "hdr-gz":
            content = {"a.hdr": content["a.hdr"], "a.img.gz": gzip.compress(content["a.img"], mtime=0)}
        found.append(Base(file_format, name, content, _checksummed(content)))
    for name in ("dicom", "dicom-rle"):
        paths = write_dicom(folder / name, noise(SHAPE)[:, :, :5] - 500, series=f"1.2.{len(name)}")
        if name == "dicom-rle":
            for path in paths:
                data = pydicom.dcmread(path)
                data.compress(RLELossless, generate_instance_uid=False)
                data.save_as(path)
        found.append(Base("dicom", name, {path.name: path.read_bytes() for path in sorted(paths)}, {}))
    return found


def mutants(sound: list[Base], count: int, seed: int) -> Iterator[Mutant]:
    """Yields damaged scans, as many of each format."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        file_format = FORMATS[number % len(FORMATS)]
        choice = [base for base in sound if base.format == file_format]
        base = choice[int(rng.integers(len(choice)))]
        yield _mutant(base, rng)


def _checksummed(content: dict[str, bytes]) -> dict[str, int]:
    """Returns where the compressed voxels begin, in files that have them."""
    places = {}
    for name, data in content.items():
        if data[:2] == b"\x1f\x8b" or name.endswith(".zraw"):
            places[name] = 0
        elif b"encoding: gzip\n" in data and b"\n\n" in data:
            places[name] = data.index(b"\n\n") + 2
        elif b"CompressedData = True" in data and b"ElementDataFile = LOCAL\n" in data:
            places[name] = data.index(b"LOCAL\n") + 6
    return {name: place for name, place in places.items() if place < len(content[name])}


def _mutant(base: Base, rng: np.random.Generator) -> Mutant:
    name = sorted(base.files)[int(rng.integers(len(base.files)))]
    content = base.files[name]
    kinds: dict[str, Callable[[], bytes]] = {
        "flip": lambda: _flipped(content, rng, 0),
        "flip-header": lambda: _flipped(content, rng, 0, 600),
        "cut": lambda: content[: int(rng.integers(len(content)))],
        "piece": lambda: _pieced(content, rng),
        "field": lambda: _with_field(base, name, content, rng, NUMBERS),
        "text": lambda: _with_field(base, name, content, rng, TEXTS),
        "size": lambda: _with_size(base, name, content, rng),
    }
    if name in base.checksummed:
        kinds["flip-voxels"] = lambda: _flipped(content, rng, base.checksummed[name])
    if rng.random() < 0.01 and base.format != "dicom":
        return Mutant(base.name, "bomb", _bomb(base.format, rng), False)
    kind = list(kinds)[int(rng.integers(len(kinds)))]
    changed = kinds[kind]()
    return Mutant(base.name, kind, {**base.files, name: changed}, kind == "flip-voxels" and changed != content)


def _flipped(content: bytes, rng: np.random.Generator, begin: int, end: int | None = None) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.choice([1, 1, 2, 4, 8]))):
        place = int(rng.integers(begin, min(len(content), end or len(content))))
        changed[place] = int(
            rng.choice([changed[place] ^ (1 << int(rng.integers(8))), rng.integers(256), 0, 255, 0x25, 0x2D, 0x39])
        )
    return bytes(changed)


def _pieced(content: bytes, rng: np.random.Generator) -> bytes:
    """Returns a copy with a lost, doubled or foreign piece."""
    place, length = int(rng.integers(min(len(content), 1000))), int(rng.integers(1, 40))
    fill = [b"", content[place : place + length] * 2, rng.bytes(length), b"%n" * length, b"9" * length, b"\0" * length]
    return content[:place] + fill[int(rng.integers(len(fill)))] + content[place + length :]


def _with_field(base: Base, name: str, content: bytes, rng: np.random.Generator, values: tuple[str, ...]) -> bytes:
    value = values[int(rng.integers(len(values)))]
    if base.format == "dicom":
        return with_element(content, rng, value)
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    if name.endswith((".nii", ".nii.gz", ".hdr")):
        changed = with_nifti_field(plain, rng, value)
        return gzip.compress(changed, mtime=0) if name.endswith(".gz") else changed
    if name.endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        return with_line(content, rng, value)
    return _flipped(content, rng, 0)  # a file of voxels has no fields


def _with_size(base: Base, name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file whose header promises another size than its voxels have."""
    factor = float(rng.choice([0.5, 2, 3, 100, 1000, 5000]))
    size = max(1, round(SHAPE[int(rng.integers(3))] * factor)) + int(rng.integers(-1, 2))
    if base.format == "dicom":
        tags = [element for element in elements_of(content) if element[1] == "US" and element[4] == 2]
        _, _, _, begin, _ = tags[int(rng.integers(len(tags)))]
        return content[:begin] + (size % 65536).to_bytes(2, "little") + content[begin + 2 :]
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    if name.endswith((".nii", ".nii.gz", ".hdr")):
        changed = bytearray(plain)
        for _ in range(int(rng.integers(1, 4))):
            struct.pack_into("<H", changed, 42 + 2 * int(rng.integers(3)), min(size, 32767))
        return gzip.compress(bytes(changed), mtime=0) if name.endswith(".gz") else bytes(changed)
    lines, rest = header_lines(content)
    if not lines[0][:4].isalnum() or name.endswith(("raw", ".gz", ".img")):
        return content + rng.bytes(int(rng.integers(1, 3000)))
    for place, line in enumerate(lines):
        if line.startswith((b"sizes: ", b"DimSize = ")):
            words = line.split(b" ")
            words[-1 - int(rng.integers(3))] = str(size).encode()
            lines[place] = b" ".join(words)
    return b"\n".join(lines) + rest


@cache
def _zeros(megabytes: int, kind: str) -> bytes:
    """Returns a compressed stream of zeros, a thousandth of its size."""
    deflate = zlib.compressobj(9, wbits=31 if kind == "gzip" else 15)
    piece = bytes(1 << 20)
    return b"".join([*(deflate.compress(piece) for _ in range(megabytes)), deflate.flush()])


def _bomb(file_format: str, rng: np.random.Generator) -> dict[str, bytes]:
    """Returns a small file that claims, or holds, far more than there is memory for."""
    held = int(rng.choice([1, 90, 256]))  # MB
    edge = int(rng.choice([12, 448, 640, 1400, 30000]))  # 448 x 448 x 448 of one byte are 90 MB, 640 are 256
    if file_format in ("nifti", "pair"):
        head = nibabel.Nifti1Header()
        head.set_data_dtype(np.uint8)
        head.set_data_shape((edge, edge, edge))
        head.set_sform(np.eye(4), 1)
        head["vox_offset"], head["magic"] = (352, b"n+1") if file_format == "nifti" else (0, b"ni1")
        if file_format == "pair":
            return {"a.hdr": head.binaryblock, "a.img.gz": _zeros(held, "gzip")}
        return {"a.nii.gz": gzip.compress(head.binaryblock + bytes(4), mtime=0) + _zeros(held, "gzip")}
    if file_format == "nrrd":
        text = (
            f"NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: {edge} {edge} {edge}\n"
            "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: gzip\nspace origin: (0,0,0)\n\n"
        )
        return {"a.nrrd": text.encode() + _zeros(held, "gzip")}
    text = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = True\nDimSize = {edge} {edge} {edge}\n"
        "ElementSpacing = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return {"a.mha": text.encode() + _zeros(held, "zlib")}
