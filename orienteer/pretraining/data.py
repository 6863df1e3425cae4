"""From prepared scans to batches: which scans can hold a view, which are held out, and the two data loaders."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Subset

from orienteer.errors import InputError
from orienteer.pretraining.pace import TimedLoader
from orienteer.progress import Progress
from orienteer.runs.config import PretrainConfig
from orienteer.scans.store import Store
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.distort import NOTHING, Distortion
from orienteer.views.loader import GlobalBatches, collate
from orienteer.views.policy import ViewPolicy
from orienteer.views.sample import can_hold

RIVAL_BATCHES = 32
"""Batches of training views that the trivial rivals learn from."""


@dataclass(frozen=True)
class Usable:
    """Scans that can hold a view, and those that cannot, with the reason."""

    keys: tuple[str, ...]
    too_small: dict[str, str]


def usable_scans(store: Store, keys: Sequence[str], policy: ViewPolicy, shown: bool = True) -> Usable:
    """Returns which prepared scans can hold a view of the policy's size with enough body in it."""
    assert policy.view_size is not None
    usable, too_small = [], {}
    with Progress("checking scans", len(keys), unit="scans", shown=shown) as progress:
        for key in keys:
            scan = store.scan(key)
            reason = can_hold(scan.shape_vox, store.body(key), policy.view_size, policy.min_body_fraction)
            if reason is None:
                usable.append(key)
            else:
                too_small[key] = reason
            progress.advance()
    return Usable(tuple(usable), too_small)


def split(keys: Sequence[str], validation_fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Returns training and held-out keys.

    The order that decides is a hash of seed and key: a scan that is added later moves few others.

    Raises:
        InputError: fewer than two scans.

    Example:
        >>> training, validation = split(["a", "b", "c", "d"], validation_fraction=0.25, seed=0)
        >>> len(training), len(validation)
        (3, 1)
    """
    if len(keys) < 2:
        raise InputError(
            "scans",
            wanted="at least 2 scans that can hold a view, one of them held out",
            got=str(len(keys)),
            do="add scans, or make views smaller with --view-size or --spacing-mm; `orienteer plan` shows the sizes",
        )
    ranked = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    held_out = min(len(keys) - 1, max(1, math.ceil(len(keys) * validation_fraction - 1e-9)))
    return sorted(ranked[held_out:]), sorted(ranked[:held_out])


class ViewData(pl.LightningDataModule):
    """Hands every process its share of the training batches, beginning after the steps that are already done."""

    def __init__(self, store: Store, keys: Sequence[str], config: PretrainConfig, start_step: int) -> None:
        super().__init__()
        self._store, self._keys, self._config, self._start = store, keys, config, start_step
        self.timed: TimedLoader | None = None

    def train_dataloader(self) -> TimedLoader:
        """Returns the batches of the steps to come; each a function of the seed and its number alone."""
        config, trainer = self._config, self.trainer
        assert trainer is not None
        views = _training_views(self._store, self._keys, config, config.steps)
        batches = GlobalBatches(
            config.steps, config.batch, self._start, config.accumulate, trainer.global_rank, trainer.world_size
        )
        loader = DataLoader(
            views,
            batch_sampler=batches,
            num_workers=config.workers,
            collate_fn=partial(collate, batch=config.batch),
            pin_memory=trainer.strategy.root_device.type == "cuda",
            prefetch_factor=4 if config.workers else None,
            generator=torch.Generator().manual_seed(config.seed),  # else torch takes one from its global state
        )
        self.timed = TimedLoader(loader, length=config.steps * config.accumulate)
        return self.timed

    def transfer_batch_to_device(self, views: ViewBatch, device: torch.device, dataloader_idx: int) -> ViewBatch:
        """Moves the view batch, which Lightning would not know how to move."""
        return views.to(device)


def heldout_loader(store: Store, keys: Sequence[str], config: PretrainConfig, rank: int, world: int) -> DataLoader:
    """Returns the held-out view sets of one process: every ``world``-th one."""
    views = ValidationViews(store, keys, view_policy(config), config.validation_sets, distortion(config))
    mine = Subset(views, range(rank, len(views), world))
    return DataLoader(mine, batch_size=max(1, config.batch // world), collate_fn=collate)


def shown_views(store: Store, keys: Sequence[str], config: PretrainConfig, scans: int) -> list[ViewBatch]:
    """Returns the first held-out view set of each of the first scans, each as a batch of its own."""
    views = ValidationViews(store, keys[:scans], view_policy(config), 1, distortion(config))
    return [collate([views[number]]) for number in range(len(views))]


def rival_batches(store: Store, keys: Sequence[str], config: PretrainConfig) -> list[ViewBatch]:
    """Returns training views for the trivial rivals; the same on every process."""
    batches = min(RIVAL_BATCHES, config.steps)
    views = _training_views(store, keys, config, batches)
    return list(DataLoader(views, batch_sampler=GlobalBatches(batches, config.batch), collate_fn=collate))


def view_policy(config: PretrainConfig) -> ViewPolicy:
    """Returns how views are drawn, from a resolved config."""
    return config.part(ViewPolicy)


def distortion(config: PretrainConfig) -> Distortion:
    """Returns what is hidden or rearranged in views, from a resolved config."""
    return NOTHING.changed(config.distortion)


def _training_views(store: Store, keys: Sequence[str], config: PretrainConfig, steps: int) -> TrainingViews:
    samples = steps * config.batch
    return TrainingViews(
        store, keys, view_policy(config), config.augmentation, config.seed, samples, distortion(config)
    )
