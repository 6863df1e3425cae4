"""Views of labelled scans for training a classifier: a function of the seed and the step alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from orienteer.features.grid import body_grid
from orienteer.features.reading import read_view
from orienteer.finetuning.step_batches import shuffled_index
from orienteer.labelled.labelled_scans import LabelledScan
from orienteer.store.store import Store
from orienteer.tensors import Images
from orienteer.types import Triple
from orienteer.views.augment import Augmentation, apply, draw_parameters

VIEWS = 2
"""Views per scan and step, drawn anew in each step; testing uses all views of a grid."""

TRAINING_OVERLAP = 0.75
"""Overlap of neighbouring views in the grid that training views are drawn from."""


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
    """Item t is the batch of step t, whatever was drawn before, so that a resumed run sees the same views.

    Only intensities are augmented. Views are not mirrored: a label may depend on left and right.
    """

    def __init__(self, store: Store, scans: Sequence[LabelledScan], view_size: Triple, batch: int, seed: int) -> None:
        self.store, self.scans, self.view_size, self.batch, self.seed = store, list(scans), view_size, batch, seed
        self._starts: dict[str, np.ndarray] = {}

    def __getitem__(self, step: int) -> ScanBatch:
        """Returns the views of one step."""
        positions = range(step * self.batch, (step + 1) * self.batch)
        chosen = [self.scans[shuffled_index(position, len(self.scans), self.seed)] for position in positions]
        images = [self._views(np.random.default_rng([self.seed, 1, step, i]), scan) for i, scan in enumerate(chosen)]
        labels = torch.tensor([scan.label for scan in chosen])
        return ScanBatch(torch.stack(images), labels, tuple(scan.name for scan in chosen))

    def _views(self, rng: np.random.Generator, scan: LabelledScan) -> Tensor:
        if scan.key not in self._starts:
            shape, body = self.store.scan(scan.key).shape_vox, self.store.body(scan.key)
            self._starts[scan.key] = body_grid(shape, body, self.view_size, TRAINING_OVERLAP)
        starts = self._starts[scan.key]
        chosen = starts[rng.integers(0, len(starts), VIEWS)]
        views = np.stack([read_view(self.store, scan.key, start, self.view_size) for start in chosen])
        return apply(torch.from_numpy(views)[:, None], draw_parameters(rng, VIEWS, Augmentation()))
