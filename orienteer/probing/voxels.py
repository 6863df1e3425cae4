"""A segmentation from frozen features, voxel by voxel, with the baseline that ignores the image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_cache import LabelMap, open_labels
from orienteer.probing.majority_map import MajorityMap
from orienteer.probing.models import Hyperparameters, Kind, fit_probe, inner_split
from orienteer.probing.sampling import lattice, sample_voxels
from orienteer.progress import Progress
from orienteer.scoring.segmentation_metrics import dice
from orienteer.store.store import Store

INNER_SHARE = 3
"""Every third training case is held out to choose the hyperparameters."""

CaseDice = list[Float64[np.ndarray, " foreground"]]
"""Dice of each foreground class, for every test case; NaN where neither the truth nor the prediction has the class."""


class VoxelFeatures(NamedTuple):
    """Features of one encoder: of all sampled training voxels, and of the lattice over each test case."""

    training: Float32[np.ndarray, "rows channels"]
    test: list[Float32[np.ndarray, "points channels"]]


class VoxelProbe:
    """Fits on sampled voxels of the training cases, and scores the voxels of a lattice over each test case.

    The voxels are drawn once, so that all encoders and models are compared on the same ones.

    Args:
        store: the scans.
        training: the cases to fit on.
        test: the cases to score.
        classes: how many there are, background among them.
        voxels: sampled per training case: half anywhere, half from the foreground classes in equal parts.
        test_voxels: most voxels per test case; larger cases are scored on a coarser lattice.
        overlap: of the views, as in `Pretrained.features_at`.
        seed: draws the voxels.
    """

    def __init__(
        self,
        store: Store,
        training: Sequence[LabelledCase],
        test: Sequence[LabelledCase],
        classes: int,
        voxels: int,
        test_voxels: int,
        overlap: float,
        seed: int,
    ) -> None:
        self.store, self.training, self.test, self.classes = store, training, test, classes
        self.overlap, self.seed = overlap, seed
        rng = np.random.default_rng(seed)
        self.samples = [sample_voxels(rng, _label_map(case), classes, voxels) for case in training]
        self.lattices = [lattice(case.shape_vox, test_voxels) for case in test]

    def features(self, encoder: Pretrained, what: str, shown: bool = True) -> VoxelFeatures:
        """Returns the features at all voxels.

        Args:
            encoder: the frozen encoder.
            what: its name in the progress bar.
            shown: whether to show progress.
        """
        points = [sample.points for sample in self.samples] + self.lattices
        cases = [*self.training, *self.test]
        rows = []
        with Progress(what, len(cases), unit="cases", shown=shown) as progress:
            for case, points_vox in zip(cases, points, strict=True):
                rows.append(encoder.features_at(self.store, case.key, points_vox.astype(np.float64), self.overlap))
                progress.advance()
        return VoxelFeatures(np.concatenate(rows[: len(self.training)]), rows[len(self.training) :])

    def dice(self, features: VoxelFeatures, kind: Kind) -> tuple[CaseDice, Hyperparameters]:
        """Returns the Dice of a model fitted on the training features, and its hyperparameters."""
        classes = np.concatenate([sample.classes for sample in self.samples])
        weights = np.concatenate([sample.weights for sample in self.samples])
        owners = np.repeat(np.arange(len(self.samples)), [len(sample.classes) for sample in self.samples])
        splits = inner_split(owners, INNER_SHARE)
        model, chosen = fit_probe(
            kind, features.training, classes, weights, self.classes, splits, self._quality, self.seed
        )
        return self._scores([model(rows).argmax(1) for rows in features.test]), chosen

    def baseline(self) -> CaseDice:
        """Returns the Dice of the most frequent class at each place, relative to the centre of the scan."""
        majority = MajorityMap([_label_map(case) for case in self.training], self.classes)
        places = zip(self.test, self.lattices, strict=True)
        return self._scores([majority.at(points, case.shape_vox) for case, points in places])

    def _scores(self, predicted: Sequence[np.ndarray]) -> CaseDice:
        return [
            dice(_label_map(case)[tuple(points.T)], classes, self.classes)
            for case, points, classes in zip(self.test, self.lattices, predicted, strict=True)
        ]

    def _quality(
        self, true: Int64[np.ndarray, " rows"], scores: np.ndarray, weights: Float64[np.ndarray, " rows"]
    ) -> float:
        """Returns the mean Dice; a class that is absent counts 0, the same for all hyperparameters."""
        return float(np.nan_to_num(dice(true, scores.argmax(1), self.classes, weights)).mean())


def _label_map(case: LabelledCase) -> LabelMap:
    labels: LabelMap = open_labels(case.labels)[:]
    return labels
