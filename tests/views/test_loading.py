"""Loading processes: what they meet is told in words, whatever shared memory there is."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from orienteer.errors import InputError, ScanError
from orienteer.views import loading
from orienteer.views.loading import Ahead, Loaded, fitting, in_words

MB = 1 << 20


@dataclass(frozen=True)
class Pair:
    images: torch.Tensor
    names: tuple[str, ...]


class Pairs(Dataset[Pair]):
    """Item n is filled with n; some items raise, or end their process."""

    def __init__(self, what: str = "") -> None:
        self.what = what

    def __getitem__(self, number: int) -> Pair:
        if number == 2 and self.what == "damaged":
            raise ScanError("a.nii", step="read", wanted="an array", got="none", do="prepare again")
        if number == 2 and self.what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return Pair(torch.full((2, 3), float(number)), (str(number),))


def joined(samples: list[Pair]) -> Pair:
    return Pair(torch.stack([s.images for s in samples]), tuple(name for s in samples for name in s.names))


def load(what: str = "", workers: int = 1, **more: Any) -> list[Pair]:
    batches = [[0, 1], [2, 3], [4, 5]]
    return list(Loaded(Pairs(what), batches, joined, workers=workers, batch_bytes=64, seed=0, **more))


def test_other_processes_load_the_same_batches() -> None:
    for here, there in zip(load(workers=0), load(workers=2), strict=True):
        assert torch.equal(here.images, there.images)
        assert here.names == there.names
    single = list(Loaded[Pair](Pairs(), range(3), None, workers=1, batch_bytes=64, seed=0))
    assert [pair.names for pair in single] == [("0",), ("1",), ("2",)]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_error_of_a_scan_arrives_as_it_is(workers: int) -> None:
    with pytest.raises(ScanError, match=r"a\.nii: wanted an array, got none\. Do this: prepare again") as caught:
        load("damaged", workers)
    assert caught.value.step == "read"


def test_a_process_that_is_killed_is_told() -> None:
    with pytest.raises(
        InputError, match=r"workers: wanted processes .*(killed by signal|exited unexpectedly).*fewer --workers"
    ):
        load("killed")


def test_a_process_that_is_killed_is_told_where_no_signal_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOOK_S", 0.2)
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        with pytest.raises(InputError, match=r"workers: wanted processes .*exited unexpectedly.*fewer --workers"):
            load("killed")
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_no_room_in_shared_memory_while_it_works_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(InputError, match=r"No space left on device .*more shared memory"):
        load()


@pytest.mark.parametrize(
    ("free", "wanted"), [(None, Ahead(2, 4)), (100 * MB, Ahead(2, 4)), (7 * MB, Ahead(2, 2)), (3 * MB, Ahead(0, None))]
)
def test_as_much_is_loaded_ahead_as_there_is_room_for(
    free: int | None, wanted: Ahead, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "free_shared_bytes", lambda: free)
    assert fitting(2, MB) == wanted
    printed = capsys.readouterr()
    assert ("shared memory" in printed.out + printed.err) == (wanted != Ahead(2, 4))
    assert fitting(0, MB) == Ahead(0, None)


def test_shared_memory_is_that_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "SHARED_MEMORY", tmp_path)
    assert (loading.free_shared_bytes() or 0) > 0
    monkeypatch.setattr(loading, "SHARED_MEMORY", tmp_path / "none")
    assert loading.free_shared_bytes() is None


@pytest.mark.parametrize(
    ("error", "do"),
    [
        (OSError(24, "Too many open files"), "ulimit -n"),
        (RuntimeError("received 0 items of ancdata"), "ulimit -n"),
        (RuntimeError("DataLoader worker (pid 3) is killed by signal: Bus error. It is possible ..."), "--shm-size"),
        (RuntimeError("DataLoader timed out after 600.0 seconds"), "disk of the store"),
    ],
    ids=str,
)
def test_what_to_do(error: Exception, do: str) -> None:
    told = in_words(error)
    assert isinstance(told, InputError)
    assert do in told.do
    other = ValueError("something else")
    assert in_words(other) is other
