"""A classification of whole scans from frozen features."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64
from sklearn.model_selection import StratifiedKFold

from orienteer.features.pretrained import Pretrained
from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans
from orienteer.probing.models import Hyperparameters, Kind, Split, fit_probe
from orienteer.progress import Progress
from orienteer.scoring.classification_metrics import auc, scan_scores
from orienteer.scoring.classification_results import labels_of
from orienteer.store.store import Store

INNER_FOLDS = 3
"""Folds of the training scans by which the hyperparameters are chosen."""


class ScanProbe:
    """Fits on the vectors of the training scans, and scores the test scans.

    Args:
        store: the scans.
        scans: training and test scans with their labels.
        overlap: of the views, as in `Pretrained.view_vectors`.
        seed: draws the folds, and the resamples of intervals.
    """

    def __init__(self, store: Store, scans: LabelledScans, overlap: float, seed: int) -> None:
        self.store, self.scans, self.overlap, self.seed = store, scans, overlap, seed

    def scores(
        self, encoder: Pretrained, kind: Kind, what: str
    ) -> tuple[dict[str, Any], Float64[np.ndarray, "scans classes"], Hyperparameters]:
        """Returns AUC and balanced accuracy with intervals, the score of each class per test scan, and the hyperparameters.

        Args:
            encoder: the frozen encoder.
            kind: of the model.
            what: name of the encoder in the progress bar.
        """
        with Progress(what, len(self.scans.training) + len(self.scans.test), unit="scans") as progress:
            training = self._vectors(encoder, self.scans.training, progress)
            test = self._vectors(encoder, self.scans.test, progress)
        true, count = labels_of(self.scans.training), len(self.scans.classes)
        splits = self._splits(true)
        model, chosen = fit_probe(kind, training, true, np.ones(len(true)), count, splits, _quality, self.seed)
        scores = model(test)
        return scan_scores(labels_of(self.scans.test), scores, self.seed), scores, chosen

    def _vectors(
        self, encoder: Pretrained, scans: Sequence[LabelledScan], progress: Progress
    ) -> Float32[np.ndarray, "scans channels"]:
        rows = []
        for scan in scans:
            rows.append(encoder.view_vectors(self.store, scan.key, self.overlap).vectors.mean(0))
            progress.advance()
        return np.stack(rows)

    def _splits(self, true: Int64[np.ndarray, " scans"]) -> list[Split]:
        fewest = int(np.bincount(true).min())
        if fewest < INNER_FOLDS:  # too few scans of a class to choose by
            return []
        folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=self.seed)
        return list(folds.split(np.zeros(len(true)), true))


def _quality(true: np.ndarray, scores: np.ndarray, _: np.ndarray) -> float:
    return auc(true, scores)
