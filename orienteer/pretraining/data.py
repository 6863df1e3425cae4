"""The scans of a run, and the batches of views that are drawn from them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Subset

from orienteer.pretraining.pace import TimedLoader
from orienteer.runs.run_config import RunConfig
from orienteer.runs.split import check_prepared, read_split
from orienteer.store.store import Store
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.loader import GlobalBatches, collate
from orienteer.views.loading import Loaded


@dataclass(frozen=True)
class RunScans:
    """The prepared scans of a run.

    Attributes:
        store: where they are.
        training: keys of the scans to train on.
        heldout: keys of the scans to validate on.
        names: their names by key.
    """

    store: Store
    training: list[str]
    heldout: list[str]
    names: dict[str, str]


def open_scans(folder: Path, config: RunConfig) -> RunScans:
    """Returns the scans of the run in ``folder``.

    Raises:
        InputError: the store, or a scan in it, is missing.
    """
    training, heldout = read_split(folder)
    store, names = Store.open(config.store_folder(folder)), {**training, **heldout}
    check_prepared(store, names.items(), config.preparation)
    return RunScans(store, list(training), list(heldout), names)


BYTES_PER_VOXEL = 9
"""Of a batch: the view as it is and as the network sees it, 4 bytes each, and whether a voxel is hidden."""


class ViewData(pl.LightningDataModule):
    """Gives every process its share of the training batches, starting after the steps that are already done.

    Args:
        store: where the scans are.
        keys: scans to train on.
        config: the settings of the run.
        start_step: steps that are already done.
    """

    def __init__(self, store: Store, keys: Sequence[str], config: RunConfig, start_step: int) -> None:
        super().__init__()
        self._store, self._keys, self._config, self._start = store, keys, config, start_step
        self._timed: TimedLoader | None = None

    @property
    def waited_s(self) -> float:
        """Seconds that training has waited for batches."""
        return self._timed.waited_s if self._timed is not None else 0.0

    def train_dataloader(self) -> TimedLoader:
        """Returns the batches of the remaining steps; each depends on the seed and its number alone."""
        config, trainer = self._config, self.trainer
        assert trainer is not None
        batches = GlobalBatches(
            config.steps, config.batch, self._start, config.accumulate, trainer.global_rank, trainer.world_size
        )
        views = _training_views(self._store, self._keys, config, config.steps)
        loader = Loaded(
            views,
            batches,
            partial(collate, batch=config.batch),
            workers=config.workers,
            batch_bytes=batches.share * config.views * math.prod(config.view_size) * BYTES_PER_VOXEL,
            seed=config.seed,
            processes=config.devices,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )
        self._timed = TimedLoader(loader, length=config.steps * config.accumulate)
        return self._timed

    def transfer_batch_to_device(self, views: ViewBatch, device: torch.device, dataloader_idx: int) -> ViewBatch:
        """Moves the view batch, which Lightning cannot do by itself."""
        return views.to(device)


def heldout_loader(store: Store, keys: Sequence[str], config: RunConfig, rank: int, world: int) -> Iterable[ViewBatch]:
    """Returns the held-out view sets of one process: every ``world``-th one, starting with number ``rank``."""
    policy, distortion = config.view_policy, config.view_distortion
    views = ValidationViews(store, keys, policy, config.validation_sets, distortion)
    share = Subset(views, range(rank, len(views), world))
    return DataLoader(share, batch_size=max(1, config.batch // world), collate_fn=collate)


def shown_views(store: Store, keys: Sequence[str], config: RunConfig, scans: int) -> list[ViewBatch]:
    """Returns the first held-out view set of each of the first ``scans`` scans, as a batch each."""
    policy, distortion = config.view_policy, config.view_distortion
    views = ValidationViews(store, keys[:scans], policy, 1, distortion)
    return [collate([views[number]]) for number in range(len(views))]


BASELINE_BATCHES = 32
"""Batches of training views that baselines are fitted to."""


def baseline_batches(store: Store, keys: Sequence[str], config: RunConfig) -> list[ViewBatch]:
    """Returns training views to fit baselines to, the same on every process."""
    batches = min(BASELINE_BATCHES, config.steps)
    views = _training_views(store, keys, config, batches)
    return list(DataLoader(views, batch_sampler=GlobalBatches(batches, config.batch), collate_fn=collate))


def _training_views(store: Store, keys: Sequence[str], config: RunConfig, steps: int) -> TrainingViews:
    samples, distortion = steps * config.batch, config.view_distortion
    return TrainingViews(
        store,
        keys,
        config.view_policy,
        config.augmentation,
        config.seed,
        samples,
        distortion,
        warp=config.warp,
    )
