"""Writing a label map as NIfTI with the very header fields that place its scan, whole or not at all."""

import gzip
import os
import struct
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from jaxtyping import UInt8, UInt16

from orienteer.files import room_for, write_bytes
from orienteer.labelled.grids import Geometry
from orienteer.scans.file_content import opened
from orienteer.scans.source import NIFTI, ScanSource

FileOrder = UInt8[np.ndarray, "file2 file1 file0"] | UInt16[np.ndarray, "file2 file1 file0"]
"""Labels in the order of a file, its first axis last, as SimpleITK orders arrays."""

HEADER_BYTES, DATA_BEGINS = 348, 352
PLACING_BYTES = ((0, 4), (38, 40), (76, 92), (123, 124), (252, 328))
"""Bytes of a NIfTI-1 header that place the voxels: pixdim 0 to 3, units, qform and sform; the first range identifies the
format. Nothing else is copied, since the rest may name a person."""

TYPES = {np.dtype(np.uint8): (2, 8), np.dtype(np.uint16): (512, 16)}
"""NIfTI's number of a data type, and bits per voxel."""


def write_labels(path: Path, labels: FileOrder, geometry: Geometry, source: ScanSource | None = None) -> None:
    """Writes ``path`` (.nii.gz), whole or not at all, on a scan's own grid.

    From a NIfTI-1 scan the fields that place it are copied bit for bit. Other formats store their grid differently; it is
    written as exactly as NIfTI's 32-bit numbers allow.

    Args:
        path: the file; its folder is made.
        labels: values in file order.
        geometry: grid of the scan, from `source_geometry`.
        source: the scan.

    Raises:
        InputError: it cannot be written, for example because the disk is full; no incomplete file is left.
    """
    base = _source_header(source) or _new_header(geometry)
    order: Literal["<", ">"] = "<" if struct.unpack("<i", base[:4])[0] == HEADER_BYTES else ">"
    header = _label_header(base, order, geometry, labels.dtype)
    data = labels.astype(labels.dtype.newbyteorder(order)).tobytes()
    with room_for("a prediction", path, "free some disk space, then run the same command again"):
        write_bytes(path, gzip.compress(header + data, compresslevel=4, mtime=0))


def _label_header(base: bytes, order: str, geometry: Geometry, kind: np.dtype) -> bytes:
    """Returns a header (with an empty extension) that places voxels as ``base`` does."""
    header = bytearray(DATA_BEGINS)
    for begin, end in PLACING_BYTES:
        header[begin:end] = base[begin:end]
    struct.pack_into(f"{order}8h", header, 40, 3, *geometry.size, 1, 1, 1, 1)
    struct.pack_into(f"{order}2h", header, 70, *TYPES[kind])
    struct.pack_into(f"{order}3f", header, 108, DATA_BEGINS, 1.0, 0.0)  # where data begin, slope, intercept
    header[123] &= 0b111  # units of length; there is no time axis
    header[344:348] = b"n+1\0"
    return bytes(header)


def _source_header(source: ScanSource | None) -> bytes | None:
    """Returns the first bytes of a NIfTI-1 file; None for any other."""
    if source is None or source.format != NIFTI:
        return None
    path = source.files[0]
    with opened(path) as file:
        header = file.read(HEADER_BYTES)
    complete = len(header) == HEADER_BYTES and header[:4] in (struct.pack("<i", 348), struct.pack(">i", 348))
    return header if complete and header[344:348] in (b"n+1\0", b"ni1\0") else None


def _new_header(geometry: Geometry) -> bytes:
    """Returns a header for a grid, as ITK writes it: of an image of one voxel, since its size is filled in later."""
    handle, name = tempfile.mkstemp(suffix=".nii")
    os.close(handle)
    try:
        sitk.WriteImage(geometry.image(np.zeros((1, 1, 1), np.uint8)), name)
        return Path(name).read_bytes()[:HEADER_BYTES]
    finally:
        os.unlink(name)
