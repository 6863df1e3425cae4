"""Checkpoints: replaced whole, read without running code, compared with the network."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from orienteer.errors import InputError
from orienteer.runs.atomic_checkpoints import AtomicCheckpoints
from orienteer.runs.checkpoints import check_fits, read_checkpoint
from tests.helpers.disguise import MakesAFile


def test_a_checkpoint_is_read_as_saved(tmp_path: Path) -> None:
    AtomicCheckpoints().save_checkpoint({"global_step": 3, "weight": torch.ones(2)}, tmp_path / "new" / "last.ckpt")
    checkpoint = read_checkpoint(tmp_path / "new" / "last.ckpt")
    assert checkpoint["global_step"] == 3
    assert torch.equal(checkpoint["weight"], torch.ones(2))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["last.ckpt"]


def test_a_full_disk_keeps_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"global_step": 3}, file)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="got No space left on device. Do this: free disk space"):
        AtomicCheckpoints().save_checkpoint({"global_step": 4}, file)
    assert read_checkpoint(file) == {"global_step": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_disk_that_fills_up_within_torch_keeps_the_older_checkpoint(tmp_path: Path) -> None:
    """Torch turns the error of a file that it writes to into one of its own."""
    file = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"global_step": 3}, file)
    with (
        limited_file_size(1 << 16),
        pytest.raises(InputError, match="wanted room for a checkpoint, got File too large"),
    ):
        AtomicCheckpoints().save_checkpoint({"weight": torch.ones(1 << 18)}, file)
    assert read_checkpoint(file) == {"global_step": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@contextmanager
def limited_file_size(nbytes: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"weight": torch.arange(100.0)}, file)
    content = bytearray(file.read_bytes())
    content[content.index(torch.tensor(50.0).numpy().tobytes())] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        InputError, match=r"last\.ckpt: wanted a whole checkpoint, got .*its SHA-256 .*rename the other file"
    ):
        read_checkpoint(file)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": MakesAFile(tmp_path / "it_ran")}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="wanted a whole checkpoint"):
        read_checkpoint(tmp_path / "last.ckpt")
    assert not (tmp_path / "it_ran").exists()


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "best.ckpt"))):
        read_checkpoint(tmp_path / "best.ckpt")


def test_a_checkpoint_of_another_network_is_refused() -> None:
    network = nn.Linear(3, 2)
    check_fits({"state_dict": network.state_dict()}, network, Path("last.ckpt"))
    checkpoint = {"state_dict": {"weight": torch.ones(2, 4)}, "encoder": {"family": "tiny", "arguments": {}}}
    with pytest.raises(InputError, match=r"one of encoder 'tiny' \{\}: 1 missing \['bias'\], 1 of another shape"):
        check_fits(checkpoint, network, Path("last.ckpt"))
