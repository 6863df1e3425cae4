"""A file of torch's knows its own checksum: every flipped bit is noticed, and others can still read it."""

import io
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from orienteer.runs.seal import DamagedFile, check_seal, save_sealed

CONTENT = {"weight": torch.arange(300.0), "step": 3, "names": ["a", "b"]}


def is_whole(content: bytes) -> bool:
    problem = None
    with tempfile.TemporaryFile() as file:
        file.write(content)
        try:
            check_seal(Path("last.ckpt"), file, do="copy it again")
            assert file.tell() == 0
        except DamagedFile as error:
            problem = error
    if problem is None:
        return True
    assert str(problem).startswith("last.ckpt: wanted a whole checkpoint, got a file that is cut short or damaged (")
    assert problem.do == "copy it again"
    return False


@pytest.fixture(scope="module")
def sealed() -> bytes:
    with tempfile.TemporaryFile() as file:
        save_sealed(CONTENT, file)
        file.seek(0)
        return file.read()


@pytest.fixture(scope="module")
def unsealed() -> bytes:
    """As older versions wrote it."""
    file = io.BytesIO()
    torch.save(CONTENT, file)
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


def test_torch_and_zip_read_a_sealed_file(sealed: bytes) -> None:
    assert is_whole(sealed)
    read = torch.load(io.BytesIO(sealed), weights_only=True)
    assert torch.equal(read["weight"], CONTENT["weight"])
    assert read["step"] == 3
    with zipfile.ZipFile(io.BytesIO(sealed)) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"sha256:")


def test_every_flipped_bit_is_noticed(sealed: bytes) -> None:
    assert [place for place in range(len(sealed)) if is_whole(flipped(sealed, place))] == []


def test_a_flipped_bit_of_an_older_file_is_noticed_or_changes_nothing(unsealed: bytes) -> None:
    assert is_whole(unsealed)
    noticed = 0
    for place in np.random.default_rng(0).integers(0, len(unsealed), 300).tolist():
        content = flipped(unsealed, place)
        if is_whole(content):
            with suppress(RuntimeError):  # torch notices what the checksums of zip leave out
                assert torch.equal(torch.load(io.BytesIO(content), weights_only=True)["weight"], CONTENT["weight"])
        else:
            noticed += 1
    assert noticed > 200


@pytest.mark.parametrize("left", [0, 1, 30, 500, -1, -72, -73, -74, -200])
def test_a_file_cut_short_is_noticed(sealed: bytes, left: int) -> None:
    assert not is_whole(sealed[:left])


def test_something_behind_the_seal_is_noticed(sealed: bytes) -> None:
    assert not is_whole(sealed + b"more" * 100)
