"""Batches of training steps, each a function of the seed and the step alone, so that a resumed run sees the same ones."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from torch.utils.data import Dataset

from orienteer.views.loading import Loaded

BatchT = TypeVar("BatchT")


def step_batches(
    dataset: Dataset[BatchT], steps: range, workers: int, seed: int, batch_bytes: int = 0
) -> Iterator[BatchT]:
    """Returns the batches of a range of steps.

    Args:
        dataset: item t is the whole batch of step t.
        steps: counted from 0.
        workers: processes that read; 0 reads in this process.
        seed: of the loader, which would otherwise draw one from torch's global state.
        batch_bytes: memory of one batch; 0 where it is small beside any shared memory.

    Raises:
        InputError: what reading a batch raised, or a process that has ended, is silent, or finds no shared memory.
    """
    return iter(Loaded[BatchT](dataset, steps, None, workers=workers, batch_bytes=batch_bytes, seed=seed))


def shuffled_index(position: int, count: int, seed: int) -> int:
    """Returns which of ``count`` items comes at a position: all of them in a new order before any comes again.

    Example:
        >>> sorted(shuffled_index(position, count=3, seed=7) for position in range(3, 6))
        [0, 1, 2]
    """
    epoch, place = divmod(position, count)
    return int(np.random.default_rng([seed, 0, epoch]).permutation(count)[place])
