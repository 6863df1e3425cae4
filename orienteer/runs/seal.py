"""A file of torch's that holds its own checksum: the SHA-256 is the comment of the zip archive that `torch.save` writes.

So a checkpoint and its checksum are replaced by one rename and renamed together, and everything that reads zip archives or
checkpoints of torch still reads the file. Files of older versions have no seal; of these the checksums (CRC-32) that zip
keeps of every tensor are compared, which torch does not do.
"""

import hashlib
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, cast

import torch

from orienteer.errors import InputError

_MARK = b"sha256:"
_SEAL_BYTES = len(_MARK) + 64
_NO_COMMENT = b"\0\0"
"""How an archive without comment ends: with the length of the comment, in two bytes."""


class DamagedFile(InputError):
    """A file that is not what was written."""


def save_sealed(content: Any, file: IO[bytes]) -> None:
    """Writes ``content`` with `torch.save`, and the checksum of the file behind it.

    Args:
        content: what `torch.save` can write.
        file: opened for reading and writing.

    Raises:
        OSError: the disk is full or fails.
    """
    hashing = _Hashing(file)
    try:
        torch.save(content, cast(IO[bytes], hashing))  # it needs no more than `write` and `flush`
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # torch turns the error of its file into one of its own
            raise error.__context__ from error
        raise
    file.seek(-len(_NO_COMMENT), os.SEEK_END)
    assert file.read() == _NO_COMMENT, "torch writes no comment into its archives"
    file.seek(-len(_NO_COMMENT), os.SEEK_END)
    file.write(_SEAL_BYTES.to_bytes(2, "little") + _MARK + hashing.sha256.hexdigest().encode())


def check_seal(path: Path, file: IO[bytes], do: str) -> None:
    """Checks that a file is what was written. Reads all of it, and leaves the place in the file at its beginning.

    Args:
        path: of the file, for the message.
        file: the opened file.
        do: what to do about a damaged file.

    Raises:
        DamagedFile: it is not.
    """
    damage = _damage(file)
    if damage is not None:
        raise DamagedFile(
            str(path), wanted="a whole checkpoint", got=f"a file that is cut short or damaged ({damage})", do=do
        )
    file.seek(0)


def _damage(file: IO[bytes]) -> str | None:
    size = file.seek(0, os.SEEK_END)
    tail_bytes = len(_NO_COMMENT) + _SEAL_BYTES
    file.seek(max(0, size - tail_bytes))
    tail = file.read()
    if tail[:2] == _SEAL_BYTES.to_bytes(2, "little") and tail[2:].startswith(_MARK):
        sha256 = hashlib.sha256()
        left = size - tail_bytes
        file.seek(0)
        while left and (piece := file.read(min(left, 1 << 20))):
            sha256.update(piece)
            left -= len(piece)
        sha256.update(_NO_COMMENT)
        sealed = tail[2 + len(_MARK) :].decode("latin-1")
        return None if sha256.hexdigest() == sealed else "its SHA-256 is another one"
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.comment:
                return "its SHA-256 cannot be read"
            part = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        return type(error).__name__
    return None if part is None else f"the checksum of {part} is another one"


class _Hashing:
    """A file that computes the checksum of what is written to it, in the order in which it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def write(self, content: bytes | memoryview) -> int:
        self.sha256.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()
