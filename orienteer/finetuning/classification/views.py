"""Views of labelled scans for training a classifier: a function of the seed and the step alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from orienteer.features.grid import body_grid
from orienteer.features.reading import read_view
from orienteer.labelled.labelled_scans import LabelledScan
from orienteer.scans.store import Store
from orienteer.types import Images, Triple
from orienteer.views.augment import Augmentation, apply, draw_parameters

VIEWS = 2
"""Views per scan and step. Each step sees other ones; testing sees all of a grid."""

TRAINING_OVERLAP = 0.75
"""Training views are drawn from a grid this dense."""


@dataclass(frozen=True)
class ScanBatch:
    """The views of one step.

    Attributes:
        images: normalised voxels of each scan's views.
        labels: class numbers.
        names: the scans.
    """

    images: Images
    labels: Int[Tensor, " scans"]
    names: tuple[str, ...]


class ScanViews(Dataset[ScanBatch]):
    """Item t is the batch of step t, whatever was drawn before: a resumed run goes on with the same views.

    Views are changed in intensity alone. They are not mirrored: a label may depend on left and right.
    """

    def __init__(self, store: Store, scans: Sequence[LabelledScan], view_size: Triple, batch: int, seed: int) -> None:
        self.store, self.scans, self.view_size, self.batch, self.seed = store, list(scans), view_size, batch, seed
        self._starts: dict[str, np.ndarray] = {}

    def __getitem__(self, step: int) -> ScanBatch:
        """Returns the views of one step."""
        chosen = [self.scans[self._scan(step * self.batch + place)] for place in range(self.batch)]
        images = [self._views(np.random.default_rng([self.seed, 1, step, i]), scan) for i, scan in enumerate(chosen)]
        labels = torch.tensor([scan.label for scan in chosen])
        return ScanBatch(torch.stack(images), labels, tuple(scan.name for scan in chosen))

    def batches(self, steps: range, workers: int) -> Iterator[ScanBatch]:
        """Returns the batches of the steps to come."""
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            collate_fn=_as_it_is,
            prefetch_factor=4 if workers else None,
            generator=torch.Generator().manual_seed(self.seed),  # else torch takes one from its global state
        )
        return iter(loader)

    def _scan(self, item: int) -> int:
        """Returns the number of the scan of an item: every scan once, in a new order, before any comes again."""
        epoch, place = divmod(item, len(self.scans))
        return int(np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.scans))[place])

    def _views(self, rng: np.random.Generator, scan: LabelledScan) -> Tensor:
        if scan.key not in self._starts:
            shape, body = self.store.scan(scan.key).shape_vox, self.store.body(scan.key)
            self._starts[scan.key] = body_grid(shape, body, self.view_size, TRAINING_OVERLAP)
        starts = self._starts[scan.key]
        chosen = starts[rng.integers(0, len(starts), VIEWS)]
        views = np.stack([read_view(self.store, scan.key, start, self.view_size) for start in chosen])
        return apply(torch.from_numpy(views)[:, None], draw_parameters(rng, VIEWS, Augmentation()))


def _as_it_is(batch: Any) -> Any:
    return batch
