"""Batches from data-loading processes: their shared memory is checked before they start, failures say what to do.

Left to itself, a process that finds no shared memory for a batch loses it, and training waits for ever.
"""

import dataclasses
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from orienteer.errors import InputError
from orienteer.progress import say

BatchT = TypeVar("BatchT")

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps shared memory. A container often has 64 MB of it."""

MOST_AHEAD = 4
"""Batches that each process loads ahead."""

LOOK_S = 5.0
"""How often it is looked whether the loading processes live. Torch is told by the system when one of them ends, unless another
library has taken that signal for itself."""

SILENT_S = 600.0
"""A batch that takes longer will not come any more: reading one takes milliseconds, from slow disks seconds."""


@dataclass(frozen=True)
class Ahead:
    """How many processes load, and how many batches each loads ahead."""

    workers: int
    batches: int | None


class _Watched(_MultiProcessingDataLoaderIter):
    """Torch's iterator over the batches of loading processes, which looks after them while it waits for a batch."""

    def _try_get_data(self, timeout: float = LOOK_S) -> tuple[bool, Any]:
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            success, batch = super()._try_get_data(max(0.0, min(LOOK_S, left)))  # type: ignore[no-untyped-call]  # raises if one has ended
            if success or left <= LOOK_S:
                return success, batch


class _Loader(DataLoader[Any]):
    def _get_iterator(self) -> Any:
        return _Watched(self) if self.num_workers else super()._get_iterator()


class Loaded(Generic[BatchT]):
    """The batches of a data set, loaded in this process or by others.

    Args:
        dataset: what is loaded.
        batches: numbers of the samples of each batch, or with ``collate=None`` the number of each sample, which is a batch.
        collate: makes a batch of samples.
        workers: processes; 0 loads in this one.
        batch_bytes: memory of one batch.
        processes: trainings on this machine that load at the same time.
        seed: of the loader, which would otherwise draw one from torch's global state.
        pin_memory: whether batches go to a GPU.

    Raises:
        InputError: what a sample raised, or a process that has ended, is silent, or finds no shared memory.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batches: Iterable[Any],
        collate: Callable[[Any], BatchT] | None,
        *,
        workers: int,
        batch_bytes: int,
        seed: int,
        processes: int = 1,
        pin_memory: bool = False,
    ) -> None:
        ahead = fitting(workers, batch_bytes, processes)
        drawn: dict[str, Any] = {"batch_sampler": batches} if collate else {"batch_size": None, "sampler": batches}
        self._loader: DataLoader[Any] = _Loader(
            _Carrying(dataset),
            **drawn,
            num_workers=ahead.workers,
            collate_fn=_Collate(collate),
            pin_memory=pin_memory,
            prefetch_factor=ahead.batches,
            timeout=SILENT_S if ahead.workers else 0.0,
            generator=torch.Generator().manual_seed(seed),
        )

    def __iter__(self) -> Iterator[BatchT]:
        try:
            for batch in self._loader:
                if isinstance(batch, _Failed):
                    raise batch.error
                yield batch
        except (RuntimeError, OSError) as error:
            raise in_words(error) from error


def fitting(workers: int, batch_bytes: int, processes: int = 1) -> Ahead:
    """Returns how many processes load ahead how many batches, so that they fit into shared memory.

    Where not even one batch for each process fits, batches are loaded in the training process, and that is said.

    Args:
        workers: processes that are wanted.
        batch_bytes: memory of one batch.
        processes: trainings on this machine that load at the same time.
    """
    free = free_shared_bytes()
    if workers == 0:
        return Ahead(0, None)
    for ahead in range(MOST_AHEAD, 0, -1):
        needed = batch_bytes * (workers * ahead + 2) * processes  # two more: one in use, one on its way
        if free is None or needed <= 0.9 * free:
            if ahead < MOST_AHEAD:
                say(f"note: shared memory has room for {ahead} of {MOST_AHEAD} batches ahead of each loading process")
            return Ahead(workers, ahead)
    say(
        f"warning: {workers} loading processes need {needed / 1e6:.0f} MB of shared memory, and {SHARED_MEMORY} has "
        f"{(free or 0) / 1e6:.0f} MB: batches are loaded in the training process, which is slower. "
        "Do this: give the container more (docker run --shm-size=8g), or use fewer --workers"
    )
    return Ahead(0, None)


def free_shared_bytes() -> int | None:
    """Returns the free bytes of shared memory; None where that is not limited apart from other memory."""
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def in_words(error: Exception) -> Exception:
    """Returns the error of a user for what loading processes met; any other error as it is.

    Example:
        >>> print(in_words(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")).do)
        use fewer --workers, or 0, or a machine with more memory
    """
    text = " ".join(str(error).split())
    full = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
    do = next((do for words, do in _REMEDIES if words in text), None)
    if full:
        do = _MORE_FILES
    if do is None or isinstance(error, InputError):
        return error
    lines = str(error).strip().splitlines()
    got = f"an error of theirs: {lines[-1 if 'Traceback' in text else 0][:200]}"
    return InputError("workers", wanted="processes that load batches", got=got, do=do)


_MORE_SHARED = "give the container more shared memory (docker run --shm-size=8g), or use fewer --workers, or 0"
_MORE_FILES = "raise the limit of open files (ulimit -n 65536), or use fewer --workers, or 0"
_REMEDIES = (
    ("Too many open files", _MORE_FILES),
    ("ancdata", _MORE_FILES),
    ("shared memory", _MORE_SHARED),
    ("Bus error", _MORE_SHARED),
    ("DataLoader timed out", f"look whether the disk of the store answers: a batch took over {SILENT_S:.0f} s"),
    ("DataLoader worker", "use fewer --workers, or 0, or a machine with more memory"),
)


@dataclass(frozen=True)
class _Failed:
    """The error of a sample, on its way to the training process, which raises it: torch would change its type."""

    error: Exception


class _Carrying(Dataset[Any]):
    """A data set that returns what its samples raise."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self._dataset = dataset

    def __getitem__(self, number: int) -> Any:
        try:
            return self._dataset[number]
        except (InputError, OSError) as error:
            return _Failed(error)


@dataclass(frozen=True)
class _Collate:
    """Makes a batch of samples and moves it into shared memory here, where an error is carried to the training process."""

    collate: Callable[[Any], Any] | None

    def __call__(self, samples: Any) -> Any:
        each = samples if self.collate else [samples]
        failed = next((sample for sample in each if isinstance(sample, _Failed)), None)
        if failed is not None:
            return failed
        batch = self.collate(samples) if self.collate else samples
        if get_worker_info() is not None:
            for tensor in _tensors(batch):
                tensor.share_memory_()
        return batch


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _tensors(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
