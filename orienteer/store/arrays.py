"""One prepared scan as one file: voxels in compressed blocks, with the body map and the scan's entry.

Voxels, body map and entry share a file, so that one rename makes a scan complete and one checksum covers it.

Chunk, block and codec were measured on CT and MR of 30 million voxels, views of 48 and 64 voxels. lz4hc at level 9 with
shuffled bytes is smaller *and* faster to read than lz4 at level 5 (45 against 50 % of the bytes, 1.2 times the views
per second); zstd saves another tenth of the bytes at a third of the speed; blocks of 32 read 1.2 to 1.4 times slower
than blocks of 16, because the border of a view cuts through them.
"""

import json
import math
import threading
import zlib
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
from jaxtyping import Float32, Int16

from orienteer.errors import InputError, ScanError
from orienteer.scans.body import BodyMap
from orienteer.scans.normalise import to_values
from orienteer.store.verified import set_verified, state_of
from orienteer.types import Triple

CHUNK_VOX, BLOCK_VOX = 64, 16
"""Edges in voxels. A block (8 KiB) is the smallest unit that is decompressed; a chunk is the unit that the file indexes."""

KEPT_VOX = 1 << 22
"""Voxels of the largest box (160 along each edge, 8 MB) for which memory is kept from one view to the next."""


ENTRY, BODY, INSIDE, CONTENT = "entry", "body", "inside", "content"
"""What a file holds beside the voxels: the scan's entry, its body map in two parts, and a checksum of all of that and the
voxels, by which an array is known to be whole whose row in the index is lost."""


class ArrayFile:
    """An open scan of the store. Its file is mapped into memory: reading a box touches only the blocks that it meets."""

    def __init__(self, path: Path) -> None:
        # One thread: data loaders read in many processes at once, and a thread pool would not survive forking.
        self._array = blosc2.open(str(path), mode="r", mmap_mode="r", dparams=blosc2.DParams(nthreads=1))
        size0, size1, size2 = (int(size) for size in self._array.shape)
        self.shape_vox: Triple = (size0, size1, size2)

    @property
    def entry(self) -> dict[str, Any]:
        """The scan's entry in the index, from which a lost row can be restored."""
        entry: dict[str, Any] = json.loads(self._array.schunk.vlmeta[ENTRY])
        return entry

    def read(self, start_vox: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        """Returns the normalised voxels of a box that lies within the array."""
        stored = _scratch.take(size_vox)
        stop = tuple(low + size for low, size in zip(start_vox, size_vox, strict=True))
        self._array.get_slice_numpy(stored, (tuple(start_vox), stop))
        return to_values(stored)

    def is_whole(self) -> bool:
        """Returns whether voxels, body map and entry are those that were packed. False for arrays of older versions.

        It decompresses everything. The checksum of the file, which the index keeps, is cheaper to check.
        """
        meta = self._array.schunk.vlmeta
        parts = (self._array[:].tobytes(), meta[ENTRY].encode(), meta[BODY], meta[INSIDE])
        return CONTENT in meta and meta[CONTENT] == checksum(*parts)

    def body(self) -> BodyMap:
        """Returns the scan's body map."""
        meta = self._array.schunk.vlmeta
        entry = self.entry
        shape, cell_vox = entry["blocks"], entry["cell_vox"]
        body = np.frombuffer(meta[BODY], dtype=np.uint8).reshape(shape)
        bits = np.frombuffer(meta[INSIDE], dtype=np.uint8)
        inside = np.unpackbits(bits, count=body.size).astype(bool).reshape(shape)
        return BodyMap(body.copy(), inside, cell_vox)


def packed(voxels: Int16[np.ndarray, "size0 size1 size2"], body: BodyMap, entry: dict[str, Any]) -> bytes:
    """Returns the content of a scan's file."""
    shape = voxels.shape
    array = blosc2.asarray(
        np.ascontiguousarray(voxels),
        chunks=tuple(min(CHUNK_VOX, size) for size in shape),
        blocks=tuple(min(BLOCK_VOX, size) for size in shape),
        cparams=blosc2.CParams(
            codec=blosc2.Codec.LZ4HC,
            clevel=9,
            filters=[blosc2.Filter.SHUFFLE],
            splitmode=blosc2.SplitMode.ALWAYS_SPLIT,
            nthreads=1,
        ),
    )
    meta = array.schunk.vlmeta
    meta[ENTRY] = json.dumps(entry | {"blocks": list(body.body.shape), "cell_vox": body.cell_vox})
    meta[BODY] = body.body.tobytes()
    meta[INSIDE] = np.packbits(body.inside.reshape(-1)).tobytes()
    meta[CONTENT] = checksum(voxels.tobytes(), meta[ENTRY].encode(), meta[BODY], meta[INSIDE])
    return bytes(array.to_cframe())


def checksum(*parts: bytes) -> int:
    """Returns a checksum of some bytes that differs for nearly every damaged file (CRC-32)."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


def file_checksum(path: Path) -> int:
    """Returns the checksum of a file's content, read in pieces."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
    return value


def what_is_wrong(path: Path, nbytes: int, checksum: int) -> str | None:
    """Returns how a file differs from what was written, in words; None if it does not. Reads all of it."""
    try:
        state = state_of(path)
        if path.stat().st_size != nbytes:
            return f"{path.stat().st_size} bytes where {nbytes} were written"
        if file_checksum(path) != checksum:
            return "not the bytes that were written"
    except FileNotFoundError:
        return "the array is missing"
    set_verified(state)
    return None


def check_box(name: str, shape_vox: Triple, start_vox: Triple, size_vox: Triple) -> None:
    """Refuses a box that leaves the scan: slicing would clip it silently.

    Raises:
        InputError: naming the scan and the axis.
    """
    for axis in range(3):
        if start_vox[axis] < 0 or size_vox[axis] < 1 or start_vox[axis] + size_vox[axis] > shape_vox[axis]:
            raise InputError(
                f"box at {start_vox} of {size_vox} voxels in {name}",
                wanted=f"a box within 0 to {shape_vox[axis]} on axis {axis}",
                got=f"{start_vox[axis]} to {start_vox[axis] + size_vox[axis]}",
                do="move it or make it smaller",
            )


def damaged(name: str, path: Path, why: str | Exception) -> ScanError:
    """Returns the error for a stored scan that cannot be opened or decompressed, or is not what was written."""
    if not path.is_file():
        got = f"no file {path}"
    else:
        words = why if isinstance(why, str) else f"{type(why).__name__}: {' '.join(str(why).split())}"
        got = f"{path}, which is damaged ({words})"
    do = "prepare the scans again, which replaces what is missing or damaged"
    return ScanError(name, step="read", wanted="a complete array in the store", got=got, do=do)


class _Scratch(threading.local):
    """Memory to decompress into, one per thread. New memory for every view would take as long as decompressing it."""

    def __init__(self) -> None:
        self._kept = np.empty(0, dtype=np.int16)

    def take(self, size_vox: Triple) -> Int16[np.ndarray, "size0 size1 size2"]:
        """Returns an array with arbitrary content, valid until the next call."""
        count = math.prod(size_vox)
        if count > KEPT_VOX:
            return np.empty(size_vox, dtype=np.int16)
        if count > self._kept.size:
            self._kept = np.empty(count, dtype=np.int16)
        return self._kept[:count].reshape(size_vox)


_scratch = _Scratch()
