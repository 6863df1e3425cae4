"""From samples to batches: which samples make up each training step, and how they are put together.

Both are what a `torch.utils.data.DataLoader` needs beside a dataset.
"""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from orienteer.settings import require
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import Distorted
from orienteer.views.reader import ViewSample


class GlobalBatches(Sampler[list[int]]):
    """The numbers of the samples in each step: step t is the samples ``t * batch .. (t + 1) * batch - 1``.

    A step's samples are cut into ``micro_batches`` runs, one after the other, and each run into one share per process.

    Args:
        steps: number of the step after the last.
        batch: samples in a step, over all processes and micro-batches.
        start_step: first step, above 0 when resuming.
        micro_batches: number of forward and backward passes before the optimiser moves.
        rank: number of this process.
        world: number of processes.

    Example:
        >>> list(GlobalBatches(steps=2, batch=4, micro_batches=2))
        [[0, 1], [2, 3], [4, 5], [6, 7]]
        >>> list(GlobalBatches(steps=2, batch=4, start_step=1, rank=1, world=2))
        [[6, 7]]
    """

    def __init__(
        self, steps: int, batch: int, start_step: int = 0, micro_batches: int = 1, rank: int = 0, world: int = 1
    ) -> None:
        for name, value in (("batch", batch), ("micro_batches", micro_batches), ("world", world)):
            require(value >= 1, name, "at least 1", value, "use 1 or more")
        shares = micro_batches * world
        wanted = f"a multiple of {shares} ({world} processes times {micro_batches} accumulated)"
        require(batch % shares == 0, "batch", wanted, batch, f"use batch {shares * -(-batch // shares)}")
        require(0 <= rank < world, "rank", f"0 to {world - 1}", rank, "check how the processes were started")
        wanted = f"at least the {start_step} already completed"
        require(0 <= start_step <= steps, "steps", wanted, steps, "raise steps")
        self.steps, self.batch, self.start_step = steps, batch, start_step
        self.micro_batches, self.rank, self.world = micro_batches, rank, world
        self.share = batch // shares

    def __len__(self) -> int:
        return (self.steps - self.start_step) * self.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start_step, self.steps):
            for micro in range(self.micro_batches):
                first = step * self.batch + (micro * self.world + self.rank) * self.share
                yield list(range(first, first + self.share))


def collate(samples: Sequence[ViewSample], batch: int | None = None) -> ViewBatch:
    """Returns the samples as one batch.

    Args:
        samples: view sets of one size and spacing.
        batch: samples in a global step; the batch's ``draw`` is then the number of that step, on every process and in
            every micro-batch. None: ``draw`` is 0, as for validation, where the order of scans must not matter.
            Pass ``functools.partial(collate, batch=8)`` to a data loader.
    """
    shapes = {(tuple(sample.images.shape), sample.spacing_mm) for sample in samples}
    got = f"{sorted(shapes)} from scans {[sample.scan for sample in samples]}"
    require(len(shapes) == 1, "scans", "views of one shape and spacing", got, "prepare all scans with one setting")
    draws = {0 if batch is None else sample.number // batch for sample in samples}
    require(len(draws) == 1, "batch", "samples of one step", f"steps {sorted(draws)}", "use GlobalBatches")
    distorted = [sample.distorted for sample in samples if sample.distorted is not None]
    return ViewBatch(
        images=torch.stack([sample.images for sample in samples]),
        centres_mm=torch.stack([sample.centres_mm for sample in samples]),
        scans=tuple(sample.scan for sample in samples),
        spacing_mm=samples[0].spacing_mm,
        draw=draws.pop(),
        distorted=Distorted.stacked(distorted) if distorted else None,
    )
